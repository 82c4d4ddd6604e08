from .teacher import ClipTeacher

__all__ = [
    "ClipTeacher",
]

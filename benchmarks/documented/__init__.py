"""The measurements that the documents show: their settings, and writing them down."""

"""What of a recipe is compared with what it was."""

import json

from zeroreal.generate import load_recipe
from zeroreal.generate.plan.content import recipe_content


def test_a_recipe_without_prompt_file_gives_what_older_runs_wrote():
    assert recipe_content(load_recipe("random-guidance")) == {
        "name": "random-guidance",
        "leaves": [
            {
                "name": "random-guidance",
                "prompt": "an image of a {class}",
                "domains": [],
                "negative_prompt": "",
                "guidance": {"uniform": [1.0, 5.0], "integers": True},
            }
        ],
    }


def test_the_content_follows_the_prompts_in_the_file(tmp_path):
    (tmp_path / "r.yaml").write_text("merge: [base, p.json]\n")
    contents = []
    for text in ('{"cat": ["a"]}', '{"cat": ["b"]}', '{ "cat": [ "a" ] }'):
        (tmp_path / "p.json").write_text(text)
        contents.append(recipe_content(load_recipe(tmp_path / "r.yaml")))
    assert contents[0] != contents[1]
    assert contents[0] == contents[2]
    assert json.loads(json.dumps(contents[0])) == contents[0], "as YAML and JSON keep it"
    assert "prompts" not in contents[0]["leaves"][0]

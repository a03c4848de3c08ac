"""What is looked at in answers to the exercises: its form, and that no wrong answer passes for a right one."""

import pytest
import yaml

from bookkit import answers
from bookkit.checks.answers import untrue
from bookkit.notebooks.kernel import Kernel
from bookkit.project import ROOT


def test_the_answers_have_the_form_that_is_asked(tell):
    assert list(answers.ANSWERS.glob("*.yml"))
    tell(answers.malformed())


WRONG = {
    "one language short": (lambda answer: answer["right"].pop("zh"), "'zh' is a required property"),
    "no mistake": (lambda answer: answer["looks"][0].pop("mistake"), "'mistake' is a required property"),
    "nothing looked at": (lambda answer: answer["looks"].clear(), "[] should be non-empty"),
    "no such exercise": (lambda answer: answer.update(exercise="flow-ex"), "has no exercise flow-ex; name one"),
    "a name of the page": (lambda answer: answer.update(names=["x"]), "x is a name of the page already"),
    "a name that nobody knows": (lambda answer: answer.update(names=["safer"]), "`safer` is not asked for (zh)"),
}


@pytest.mark.parametrize("change, found", WRONG.values(), ids=WRONG)
def test_a_malformed_answer_is_told(tmp_path, monkeypatch, change, found):
    content = yaml.safe_load((ROOT / "book/data/answers/control-flow.yml").read_text(encoding="utf-8"))
    [answer] = [each for each in content if each["exercise"] == "flow-ex-norm"]
    change(answer)
    monkeypatch.setattr(answers, "ANSWERS", tmp_path)
    (tmp_path / "control-flow.yml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    assert found in "\n".join(answers.malformed())


def test_answers_of_no_page_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "ANSWERS", tmp_path)
    (tmp_path / "nothing.yml").write_text("[]")
    assert "nothing.yml: are the answers of no page" in "\n".join(answers.malformed())


def asked(solution, *looks):
    looks = [{"true": true, "mistake": mistake} for true, mistake in looks]
    return {"exercise": "one", "names": ["found"], "solution": solution, "looks": looks}


@pytest.mark.slow
def test_looks_that_do_not_see_are_found_in_the_kernel(tmp_path):
    kernel = Kernel(tmp_path)
    good = ("found > 1", "found = 0"), ("found < 3", "found = 4")
    lines = [
        untrue([answer], kernel)
        for answer in (
            asked("found = 2", *good),
            asked("found = 3", *good),
            asked("del found", *good),
            asked("found = 2", ("found > 1", "found = 4"), good[1]),
            asked("found = 2", good[0], ("found < 3", "found = 0")),
            asked("found = 2", good[0], ("found.real < 3", "found = [2]")),
        )
    ]
    kernel.stop()
    told = ["its solution is found wrong"] * 2 + ["look 1 is not the first"] + ["look 2 is not the first"] * 2
    assert (
        lines[0] == []
        and [line.split(": ")[1][: len(words)] for [line], words in zip(lines[1:], told, strict=True)] == told
    )
    assert "TypeError" in lines[5][0]


@pytest.mark.slow
def test_a_look_changes_nothing_of_the_readers(tmp_path):
    kernel = Kernel(tmp_path)
    answer = {**asked("found = 2", ("kept == 3", "found = 3")), "setup": "kept = 3 if found == 2 else 0"}
    assert untrue([answer], kernel) == []
    assert not kernel.ask("import __main__\nhasattr(__main__, 'kept') or hasattr(__main__, '_found')")
    kernel.stop()

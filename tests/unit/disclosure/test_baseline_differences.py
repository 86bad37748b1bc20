from dataclasses import replace

from result_parts import FACTS, make_baseline, make_results

from pytest_lleval.core.records import Disclosure
from pytest_lleval.disclosure.baseline_differences import find_baseline_differences


def find(new, baseline, *, has_prompts=False) -> list[tuple[str, str]]:
    found = find_baseline_differences(new, baseline, has_prompts=has_prompts)
    return [(one.factor, f"{one.severity}: {one.message}") for one in found]


def test_the_same_again_differs_in_nothing():
    assert find(make_results([1.0, 0.0]), make_baseline([1.0, 0.0])) == []


def test_samples_on_one_side_are_counted():
    assert find(make_results([1.0] * 3), make_baseline([1.0])) == [
        ("D", "warning: s: 2 samples are not in the baseline and were not compared")
    ]
    assert find(make_results([1.0]), make_baseline([1.0] * 3)) == [
        ("D", "note: s: 2 of the baseline's 3 samples were not in this run; 1 were compared")
    ]


def test_changed_prompts_are_f1_with_the_first_one_named():
    new = make_results([1.0] * 3, prompts={1: "other", 2: "other"})
    assert find(new, make_baseline([1.0] * 3)) == [
        ("F1", "warning: openai/m: 2 of 3 prompts are others than in the baseline (first: s::q00001)")
    ]
    assert find(new, make_baseline([1.0] * 3), has_prompts=True) == []


def test_changed_settings_and_data_are_named_with_both_values():
    new = make_results([1.0], facts={**FACTS, "digest": "new", "settings": {"seed": 1}})
    assert find(new, make_baseline([1.0])) == [
        ("D", "warning: s: the dataset has changed since the baseline was saved (another digest)"),
        ("D", "warning: s: settings differ from the baseline's: seed was 0, is 1"),
    ]


def test_another_model_is_said():
    assert find(make_results([1.0], model="openai/n"), make_baseline([1.0])) == [
        ("F2", "note: openai/n is compared with openai/m, the baseline's model")
    ]
    new = make_results([1.0], facts={**FACTS, "served_model": "m-2"})
    assert find(new, make_baseline([1.0], facts={**FACTS, "served_model": "m-1"})) == [
        ("F2", "warning: openai/m: 'm-2' answers, 'm-1' did when the baseline was saved")
    ]


def test_what_made_the_baseline_doubtful_sticks_to_it():
    doubts = (Disclosure(factor="F3", severity="critical", message="a mock"),)
    baseline = replace(make_baseline([1.0], unscored={"error": 2}), disclosures=doubts)
    assert find(make_results([1.0]), baseline) == [
        ("D", "warning: s: 2 answers of the baseline could not be scored"),
        ("D", "warning: the baseline itself was made with findings of F3; see its file"),
    ]


def test_a_suite_that_is_not_there_is_said():
    assert find(make_results([1.0], suite="t"), make_baseline([1.0])) == [
        ("D", "warning: t: the baseline has no results of it: nothing was compared")
    ]

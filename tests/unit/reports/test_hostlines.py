from pytest_lleval.reports.hostlines import tell_hosts


def test_what_happens_to_workers_of_a_host_at_once_is_told_once_and_in_order() -> None:
    events = [
        {"at": 110.0, "host": "big", "worker": "gw0", "text": "does not answer"},
        {"at": 111.0, "host": "small", "worker": "gw5", "text": "does not answer"},
        {"at": 112.0, "host": "big", "worker": "gw1", "text": "does not answer"},
        {"at": 150.0, "host": "big", "worker": "gw6", "text": "is back"},
        {"at": 190.0, "host": "big", "text": "given up"},
    ]
    assert list(tell_hosts(events, 100.0)) == [
        "host big after 10 s: does not answer (gw0, gw1)",
        "host small after 11 s: does not answer (gw5)",
        "host big after 50 s: is back (gw6)",
        "host big after 90 s: given up",
    ]


def test_the_same_words_much_later_are_another_event() -> None:
    events = [{"at": moment, "host": "big", "text": "is back"} for moment in (0.0, 100.0)]
    assert len(list(tell_hosts(events, 0.0))) == 2

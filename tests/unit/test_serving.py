"""The test server itself: what it hides would hide in every test built on it."""

import http.client
import json
import threading

from serving import Fault, ModelServer


def post(server, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read()), dict(response.getheaders())
    finally:
        connection.close()


def test_it_leaves_no_thread_behind_even_with_a_kept_connection_and_a_sleeping_answer():
    before = set(threading.enumerate())
    connections = []
    with ModelServer(faults=lambda seen: Fault(delay=30) if seen.path == "/slow" else None) as server:
        for path in ("/v1/models", "/slow"):
            connection = http.client.HTTPConnection("127.0.0.1", server.port)
            connection.request("GET", path)
            connections.append(connection)
        connections[0].getresponse().read()
    for connection in connections:
        connection.close()
    assert set(threading.enumerate()) <= before


def test_answers_may_depend_on_the_question_and_requests_are_kept():
    with ModelServer(answer=lambda seen: seen.question.upper(), echo_model=True) as server:
        status, body, headers = post(
            server, "/v1/chat/completions", {"model": "x", "messages": [{"role": "user", "content": "hi"}]}
        )
    assert status == 200
    assert body["choices"][0]["message"]["content"] == "HI"
    assert body["model"] == "x"
    assert "mock" not in headers["Server"]
    assert server.posts[0].question == "hi"


def test_an_unknown_route_is_404():
    with ModelServer() as server:
        assert post(server, "/v1/nothing", {})[0] == 404

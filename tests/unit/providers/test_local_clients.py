"""The official clients get answers from the local server with nothing of ours between them."""

import pytest


def test_openai_client_is_answered(local_model_server):
    openai = pytest.importorskip("openai", reason="needs the openai client")
    with openai.OpenAI(base_url=local_model_server.connection["url"], api_key="any") as client:
        assert [model.id for model in client.models.list()] == ["smollm2-135m"]
        answer = client.completions.create(
            model="smollm2-135m", prompt="The capital of France is", max_tokens=1, temperature=0
        )
    assert answer.choices[0].text == " Paris"
    assert answer.model == "smollm2-135m"


def test_anthropic_client_is_answered(local_model_server):
    anthropic = pytest.importorskip("anthropic", reason="needs the anthropic client")
    root = local_model_server.connection["url"].removesuffix("/v1")
    with anthropic.Anthropic(base_url=root, api_key="any") as client:
        answer = client.messages.create(
            model="smollm2-135m",
            max_tokens=3,
            messages=[{"role": "user", "content": "Hi"}],
            extra_body={"temperature": 0},  # no parameter of its own in every version of the client
        )
    assert answer.content[0].text.startswith("Hello")
    assert (answer.usage.input_tokens, answer.stop_reason) == (31, "max_tokens")

"""The process that downloads one hub file; run by its path, so it imports nothing of this package."""

from __future__ import annotations

import sys
from typing import Any

_ANSWER_SECONDS = 10


def download_file(repo: str, path: str, revision: str, repo_type: str, target: str) -> None:
    """Download a file to ``target/path``; on failure exit with status 1 and the reason on stderr.

    :param repo: e.g. ``openai/gsm8k``
    :param path: the file's path inside the repository
    :param revision: a full commit hash
    :param repo_type: ``dataset`` or ``model``
    :param target: the folder it goes to
    """
    from huggingface_hub import hf_hub_download

    wanted: dict[str, Any] = {"repo_id": repo, "filename": path, "revision": revision, "repo_type": repo_type}
    try:
        _require_answer(wanted)
        hf_hub_download(**wanted, local_dir=target, etag_timeout=_ANSWER_SECONDS)
    except Exception as error:  # noqa: BLE001  whatever it is, one line of it is all the parent process gets
        sys.exit("error: " + _explain_error(error))


def _require_answer(wanted: dict[str, Any]) -> None:
    """Ask the hub once: without a network, `hf_hub_download` alone would go on trying for up to 90 seconds."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    try:
        get_hf_file_metadata(hf_hub_url(**wanted), timeout=_ANSWER_SECONDS)
    except HfHubHTTPError:
        return  # an answer all the same; the download says what it means, or tries again


def _explain_error(error: BaseException) -> str:
    """Return the first line of an error, and that of what first caused it."""
    root = error
    while cause := root.__cause__:
        root = cause
    first, last = _quote_line(error), _quote_line(root)
    return first if first == last else f"{first} ({last})"


def _quote_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no message'])[0]}"


if __name__ == "__main__":
    download_file(*sys.argv[1:])

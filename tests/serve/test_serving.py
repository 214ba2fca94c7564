"""What is served, what is not, and to whom: over real connections."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.serve import __main__ as command
from tests.helpers.sweeps import ROOT
from tests.serve.conftest import Ask, write_job, write_plan


@pytest.fixture
def sweep(results: Path) -> Path:
    """A sweep with a report and files of all kinds."""
    directory = results / "dish" / "2026-01-31 <b>"
    write_plan(directory, {"0": ["a", "b"]})
    write_job(directory, "0", ["a", "b"], ["ok", "failed"])
    (directory / "report.html").write_text("<title>the report</title>")
    (directory / "figures").mkdir()
    (directory / "figures" / "map.svg").write_text("<svg/>")
    (directory / "jobs" / "0" / "harness.log").write_text("the log")
    (directory / ".lock").write_text("process 1")
    return directory


AT = "/dish/2026-01-31%20%3Cb%3E/"


def test_the_first_page_lists_sweeps_with_what_became_of_them_and_their_reports(ask: Ask, sweep: Path) -> None:
    page = ask("/").text
    assert f'<a href="{AT}">dish</a>' in page
    assert f'<a href="{AT}report.html"' in page
    assert "2026-01-31 12:00" in page
    assert "finished" in page
    assert "<td>2 of 2</td><td>1</td>" in page
    assert "<b>" not in page.replace("<b>Report</b>", "")


def test_the_page_of_a_sweep_leads_to_its_report_comparisons_and_files(ask: Ask, sweep: Path) -> None:
    (sweep / "compare-other.html").write_text("compared")
    page = ask(AT).text
    assert f'<a href="{AT}report.html"><b>Report</b></a>' in page
    assert f'<a href="{AT}compare-other.html">' in page
    assert "python -m harness -m +study=dish" in page
    assert '<a href="./figures/">figures/</a>' in page
    assert '<a href="./plan.parquet">' in page
    assert ".lock" not in page


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 Bytes"), (812, "812 Bytes"), (1_400_000, "1.4 MB"), (999_600_000, "999.6 MB")]
)
def test_the_size_of_a_file_is_said_in_units_that_one_reads(ask: Ask, results: Path, count: int, said: str) -> None:
    with (results / "file").open("wb") as file:
        file.truncate(count)
    (results / "folder").mkdir()
    page = ask("/").text
    assert f'<a href="./file">file</a></th><td>{said}</td>' in page
    assert '<a href="./folder/">folder/</a></th><td></td>' in page


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("report.html", "text/html; charset=utf-8", b"<title>the report</title>"),
        ("figures/map.svg", "image/svg+xml", b"<svg/>"),
        ("jobs/0/harness.log", "text/plain; charset=utf-8", b"the log"),
        ("provenance.json", "application/json", None),
        ("plan.parquet", "application/octet-stream", None),
    ],
)
def test_files_come_as_what_they_are_and_can_ask_for_nothing(
    ask: Ask, sweep: Path, path: str, kind: str, body: bytes | None
) -> None:
    found = ask(AT + path)
    assert (found.status, found.head["Content-Type"]) == (200, kind)
    assert found.body == (body if body is not None else (sweep / path).read_bytes())
    policy = found.head["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts")
    assert "default-src 'none'" in policy
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy
    assert found.head["X-Content-Type-Options"] == "nosniff"
    assert found.head["Cross-Origin-Resource-Policy"] == "same-origin"
    assert ("Content-Disposition" in found.head) == (kind == "application/octet-stream")


def test_pages_run_the_servers_own_script_and_no_other(ask: Ask, sweep: Path) -> None:
    found = ask("/")
    policy = found.head["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    for own in ("/-/live.js", "/-/plain.css", "/-/folder.css"):
        assert own in found.text
        assert ask(own).status == 200


def test_a_question_about_a_file_gets_its_size_and_nothing_more(ask: Ask, sweep: Path) -> None:
    found = ask(AT + "report.html", method="HEAD")
    assert (found.status, found.head["Content-Length"], found.body) == (200, "25", b"")


def test_a_folder_without_a_slash_is_asked_for_again_with_one(ask: Ask, sweep: Path) -> None:
    found = ask("/dish")
    assert (found.status, found.head["Location"]) == (302, "/dish/")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt", "/dish/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%2e%2e%2fsecret.txt",
        "/dish/%2e%2e/%2e%2e/secret.txt", "/....//secret.txt", "/.%00./secret.txt", "/..\\secret.txt",
        "/..%5csecret.txt", "/%252e%252e/secret.txt", "/%c0%ae%c0%ae/secret.txt", "/./../secret.txt",
        "/link.txt", "/linked/secret.txt", "/chain", "/file:///etc/passwd", "/%2fetc%2fpasswd", "/.hidden",
        f"{AT}.lock", "/visible.txt", "/pipe", "/nothing", "/dish//x", "//evil.example/secret",
        "/-/../secret.txt", "/-/pages.py",
    ],
)  # fmt: skip
def test_nothing_outside_and_nothing_hidden_is_there(ask: Ask, results: Path, sweep: Path, path: str) -> None:
    (results / "link.txt").symlink_to(results.parent / "secret.txt")
    (results / "linked").symlink_to(results.parent)
    (results / "chain").symlink_to("link.txt")
    (results / ".hidden").write_text("secret")
    (results / "visible.txt").symlink_to(".hidden")
    os.mkfifo(results / "pipe")
    found = ask(path)
    assert found.status == 404
    assert b"secret" not in found.body


@pytest.mark.parametrize("path", ["http://evil.example/", "http://[/", "secret.txt", "*"])
def test_what_is_no_path_is_refused(ask: Ask, sweep: Path, path: str) -> None:
    found = ask(path)
    assert found.status == 400
    assert "Location" not in found.head


def test_links_within_the_folder_lead_where_they_lead(ask: Ask, results: Path, sweep: Path) -> None:
    (results / "latest").symlink_to(sweep)
    assert ask("/latest/report.html").body == b"<title>the report</title>"


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (("127.0.0.1",), 200),
        (("127.0.0.1:8421",), 200),
        (("localhost:9999",), 200),  # behind a tunnel
        (("LOCALHOST",), 200),
        (("evil.example",), 421),
        (("evil.example:8421",), 421),
        (("127.0.0.1.evil.example",), 421),
        (("localhost@evil.example",), 421),
        (("evil.example@localhost",), 421),
        (("",), 421),
        ((), 421),
        (("localhost", "evil.example"), 421),
        (("[::1]:8421",), 421),
        (("[",), 421),
    ],
)
def test_only_requests_for_this_machine_are_answered(
    ask: Ask, sweep: Path, hosts: tuple[str, ...], status: int
) -> None:
    for path in ("/", f"{AT}report.html", "/-/live.js"):
        assert ask(path, hosts=hosts).status == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "NONSENSE"])
def test_nothing_can_be_written(ask: Ask, sweep: Path, method: str) -> None:
    before = sorted(path.as_posix() for path in sweep.rglob("*"))
    found = ask(f"{AT}report.html", method=method, body=b"new")
    assert (found.status, found.head["Allow"]) == (405, "GET, HEAD")
    assert (sweep / "report.html").read_text() == "<title>the report</title>"
    assert sorted(path.as_posix() for path in sweep.rglob("*")) == before


def test_looking_writes_nothing(ask: Ask, results: Path, sweep: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    assert ask("/").status == ask(AT).status == 200
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before


def test_damaged_files_are_no_sweeps_end(ask: Ask, sweep: Path) -> None:
    (sweep / "plan.parquet").write_bytes(b"PAR1 nothing")
    (sweep / "provenance.json").write_text("[1")
    (sweep / "jobs" / "0" / "tables" / "runs.parquet").write_bytes(b"")
    assert ask("/").status == ask(AT).status == 200


NUMBER = "valid: a number up to 65535; 0 takes any port that is free"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{dir}/none"], "harness.serve: {dir}/none: not there; valid: a folder with results directories in it"),
        (["{file}"], "harness.serve: {file}: a file; valid: a folder with results directories in it"),
        (["{dir}", "port=x"], f"harness.serve: port=x: {NUMBER}"),
        (["{dir}", "port=65536"], f"harness.serve: port=65536: {NUMBER}"),
        (["{dir}", "{dir}"], "harness.serve: 2 directories; valid: one, such as results"),
        (["{dir}", "port={taken}"], "harness.serve: port={taken}: already in use; valid: another one; port=0 takes any "
         "that is free"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_said_in_one_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with socket.create_server(("127.0.0.1", 0)) as other:
        names = {"dir": tmp_path, "file": tmp_path / "file", "taken": other.getsockname()[1]}
        assert command.main([word.format(**names) for word in words]) == 1
    assert capsys.readouterr().err == message.format(**names) + "\n"


def test_ctrl_c_ends_it_without_a_word(tmp_path: Path) -> None:
    # Shells take Ctrl-C from what they start in the background, such as a suite of tests.
    code = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "runpy.run_module('harness.serve', run_name='__main__')"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), "port=0"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    address = line.split()[0].removeprefix("http://").strip("/").split(":")
    with socket.create_connection((address[0], int(address[1]))) as idle:  # an open connection keeps nobody
        idle.sendall(b"GET / HTTP/1.1\r\n")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert line.endswith("Ctrl-C ends it\n")
    assert (process.returncode, out, err.strip()) == (0, "", "")

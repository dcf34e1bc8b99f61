"""What only a folder of files can do to its reader: broken text, links, sizes, half-written files, comments to keep."""

import threading
import time
from pathlib import Path

import pytest

from portal.errors import ClusterUnavailable, Conflict, Invalid
from portal.kube import EventType, ManifestDirectory, VersionExpired, manifests
from tests.kube.sides import API, PLAN, api

GOOD = """\
# Who sells
apiVersion: portico.dev/v1alpha1
kind: Api
metadata:
  name: {name}
  namespace: shop
spec:
  version: v1
"""
BROKEN = """\
apiVersion: portico.dev/v1alpha1
kind: Api
metadata:
  labels:
    name: not-this
  name: broken
  namespace: shop
spec:
  summary: "no end
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "manifests"
    path.mkdir()
    return path


@pytest.fixture
def cluster(folder, tmp_path) -> ManifestDirectory:
    return ManifestDirectory("git", path=folder, state=tmp_path / "state")


def names(cluster: ManifestDirectory) -> list[str]:
    return [found.name for found in cluster.list(API).objects]


def test_documents_have_file_and_line(cluster, folder) -> None:
    (folder / "team").mkdir()
    (folder / "team" / "apis.yaml").write_text(
        GOOD.format(name="one") + "---\n\n" + GOOD.format(name="two") + "---\n"
    )
    (folder / "three.json").write_text(
        '{"apiVersion": "portico.dev/v1alpha1", "kind": "Api", "metadata": {"name": "x"}}'
    )
    found = {each.name: (each.namespace, each.origin) for each in cluster.list(API).objects}
    assert found == {
        "one": ("shop", "team/apis.yaml:2"),
        "two": ("shop", "team/apis.yaml:12"),
        "x": ("default", "three.json:1"),
    }


def test_broken_document_names_its_object_and_hides_no_other(cluster, folder) -> None:
    (folder / "a.yaml").write_text(
        GOOD.format(name="one") + "---\n" + BROKEN + "---\n" + GOOD.format(name="two")
    )
    listing = cluster.list(API)
    assert [found.name for found in listing.objects] == ["one", "two"]
    (problem,) = listing.unreadable
    assert (problem.kind, problem.namespace, problem.name, problem.file) == (API, "shop", "broken", "a.yaml")
    assert 10 <= problem.line <= 19
    assert problem.message
    assert listing.complete
    assert cluster.list(PLAN).unreadable == ()


def test_object_that_breaks_is_modified_and_not_deleted(cluster, folder) -> None:
    (folder / "a.yaml").write_text(BROKEN.replace('"no end', "fine"))
    listing = cluster.list(API)
    uid = listing.objects[0].uid
    (folder / "a.yaml").write_text(BROKEN)
    events = list(cluster.watch(API, since=listing.resource_version, timeout=0.5))
    assert [(event.type, event.name) for event in events[:-1]] == [(EventType.MODIFIED, "broken")]
    assert events[0].problem.name == "broken"
    (folder / "a.yaml").write_text(BROKEN.replace('"no end', "mended"))
    assert cluster.get(API, namespace="shop", name="broken").uid == uid


def test_file_that_could_be_anything_makes_the_list_incomplete(cluster, folder) -> None:
    (folder / "a.yaml").write_text(GOOD.format(name="one"))
    listing = cluster.list(API)
    (folder / "a.yaml").write_bytes(b"\xff\xfe not text")
    with pytest.raises(VersionExpired):
        list(cluster.watch(API, since=listing.resource_version, timeout=0.5))
    incomplete = cluster.list(API)
    assert not incomplete.complete
    assert incomplete.unreadable[0].file == "a.yaml"
    (folder / "a.yaml").write_text(GOOD.format(name="one"))
    assert cluster.list(API).objects[0].uid == listing.objects[0].uid


def test_annotation_that_is_no_text_says_how_to_mend_it(cluster, folder) -> None:
    (folder / "a.yaml").write_text(GOOD.format(name="one").replace("spec:", "  annotations: {a: 1.0}\nspec:"))
    (problem,) = cluster.list(API).unreadable
    assert (problem.name, problem.field) == ("one", "metadata.annotations")
    assert "quotes" in problem.remedy


def test_object_written_twice_counts_neither_way(cluster, folder) -> None:
    (folder / "a.yaml").write_text(GOOD.format(name="one"))
    (folder / "b.yaml").write_text(GOOD.format(name="one"))
    listing = cluster.list(API)
    assert listing.objects == ()
    assert "a.yaml:2" in listing.unreadable[0].message
    assert listing.unreadable[0].origin == "b.yaml:2"


def test_what_is_no_manifest_is_no_problem(cluster, folder) -> None:
    (folder / "values.yaml").write_text("replicas: 3\n")
    (folder / "openapi.yaml").write_text("openapi: 3.0.0\ninfo: {title: T}\n")
    (folder / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
    )
    (folder / "notes.txt").write_text("kind: [")
    (folder / ".hidden.yaml").write_text(BROKEN)
    listing = cluster.list(API)
    assert (listing.objects, listing.unreadable) == ((), ())


def test_symlinks_do_not_lead_out_of_the_folder(cluster, folder, tmp_path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.yaml").write_text(GOOD.format(name="secret"))
    (folder / "file.yaml").symlink_to(outside / "secret.yaml")
    (folder / "folder").symlink_to(outside)
    (folder / "nowhere.yaml").symlink_to(folder / "missing")
    (folder / "loop").symlink_to(folder)
    assert names(cluster) == []


def test_mounted_config_map_is_read_through_its_links(cluster, folder) -> None:
    (folder / "..2026").mkdir()
    (folder / "..2026" / "a.yaml").write_text(GOOD.format(name="one"))
    (folder / "..data").symlink_to("..2026")
    (folder / "a.yaml").symlink_to("..data/a.yaml")
    assert names(cluster) == ["one"]


def test_folder_that_is_a_moved_link(tmp_path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text(GOOD.format(name=name))
    link = tmp_path / "current"
    link.symlink_to("one")
    cluster = ManifestDirectory("git", path=link, state=tmp_path / "state")
    assert names(cluster) == ["one"]
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(link)
    assert names(cluster) == ["two"]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "spec: " + "[" * 100_000,
        "spec: &x {a: *x}",
        "spec: !!python/object/apply:os.system [id]",
    ],
    ids=["alias bomb", "depth", "recursion", "tag"],
)
def test_bombs_are_problems(cluster, folder, text) -> None:
    head = "apiVersion: portico.dev/v1alpha1\nkind: Api\nmetadata: \n  name: bomb\n"
    (folder / "bomb.yaml").write_text(head + text)
    (folder / "good.yaml").write_text(GOOD.format(name="one"))
    listing = cluster.list(API)
    assert [found.name for found in listing.objects] == ["one"]
    assert [problem.name for problem in listing.unreadable] == ["bomb"]


def test_large_file_is_a_problem(cluster, folder, monkeypatch) -> None:
    monkeypatch.setattr(manifests, "MAX_FILE_BYTES", 1000)
    (folder / "large.yaml").write_text(GOOD.format(name="one") + "#" * 1000)
    (problem,) = cluster.list(API).unreadable
    assert problem.file == "large.yaml"
    assert "25 MB" in problem.message + problem.remedy


def test_dates_that_do_not_exist_stay_text(cluster, folder) -> None:
    (folder / "a.yaml").write_text(
        GOOD.format(name="one") + "  since: 2019-02-31T23:59:60Z\n  until: 2020-01-01\n"
    )
    spec = cluster.get(API, namespace="shop", name="one").body["spec"]
    assert (spec["since"], spec["until"]) == ("2019-02-31T23:59:60Z", "2020-01-01")


def test_missing_folder_is_an_error_and_no_empty_list(cluster, folder) -> None:
    folder.rmdir()
    with pytest.raises(ClusterUnavailable):
        cluster.list(API)


def test_items_of_a_list(cluster, folder) -> None:
    (folder / "a.yaml").write_text(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: portico.dev/v1alpha1\n  kind: Api\n  metadata: {name: one}\n"
    )
    assert names(cluster) == ["one"]
    with pytest.raises(Conflict):
        cluster.delete(API, namespace="default", name="one")


def test_half_written_file_is_not_taken_for_a_deletion(cluster, folder) -> None:
    """Editors empty a file, or move it away, before they write it."""
    file = folder / "a.yaml"
    file.write_text(GOOD.format(name="one"))
    listing = cluster.list(API)

    def edit() -> None:
        file.write_text("")
        time.sleep(0.05)
        file.rename(folder / "a.yaml~")
        time.sleep(0.05)
        file.write_text(GOOD.format(name="one") + "  summary: new\n")

    editor = threading.Timer(0.3, edit)
    editor.start()
    events = list(cluster.watch(API, since=listing.resource_version, timeout=2))
    editor.join()
    assert [event.type for event in events] == [EventType.MODIFIED, EventType.BOOKMARK]


def test_delete_leaves_the_other_documents_as_they_were(cluster, folder) -> None:
    file = folder / "a.yaml"
    file.write_text(
        GOOD.format(name="one") + "---\n" + GOOD.format(name="two") + "---\n" + GOOD.format(name="three")
    )
    cluster.delete(API, namespace="shop", name="two")
    assert file.read_text() == GOOD.format(name="one") + "---\n" + GOOD.format(name="three")
    cluster.delete(API, namespace="shop", name="one")
    cluster.delete(API, namespace="shop", name="three")
    assert not file.exists()


def test_status_is_kept_out_of_the_folder(cluster, folder, tmp_path) -> None:
    (folder / "a.yaml").write_text(GOOD.format(name="one"))
    before = (folder / "a.yaml").stat().st_mtime_ns
    cluster.patch_status(API, namespace="shop", name="one", status={"observedGeneration": 1})
    assert (folder / "a.yaml").stat().st_mtime_ns == before
    assert [file.name for file in folder.iterdir()] == ["a.yaml"]
    another = ManifestDirectory("git", path=folder, state=tmp_path / "state")
    found = another.get(API, namespace="shop", name="one")
    assert found.body["status"] == {"observedGeneration": 1}
    assert found.uid == cluster.get(API, namespace="shop", name="one").uid


def test_lost_state_is_made_anew(cluster, folder, tmp_path) -> None:
    (folder / "a.yaml").write_text(GOOD.format(name="one"))
    names(cluster)
    (tmp_path / "state" / "objects.json").write_text("{ half")
    assert names(cluster) == ["one"]


def test_applied_text_reads_back_as_it_was(cluster) -> None:
    words = [
        "yes",
        "NO",
        "1.0",
        "0o17",
        "2020-01-01",
        "~",
        "null",
        "1:20",
        "é\u2028",
        "a: b",
        "- x",
        "#",
        "1e999",
    ]
    made = cluster.apply(API, api("shop", "words", tags=words))
    assert made.body["spec"]["tags"] == words


@pytest.mark.parametrize("name", ["../../etc/x", "", "a\nb"])
def test_applied_name_cannot_lead_elsewhere(cluster, folder, name) -> None:
    with pytest.raises(Invalid):
        cluster.apply(API, api("shop", name))
    assert list(folder.iterdir()) == []


def test_checkout_is_waited_for(cluster, folder) -> None:
    """Git takes files away and brings them one by one; its lock says when it is through."""
    (folder / ".git").mkdir()
    (folder / "a.yaml").write_text(GOOD.format(name="one"))
    listing = cluster.list(API)
    lock = folder / ".git" / "index.lock"

    def check_out() -> None:
        lock.touch()
        (folder / "a.yaml").unlink()
        time.sleep(0.8)
        (folder / "a.yaml").write_text(GOOD.format(name="one") + "  summary: new\n")
        lock.unlink()

    git = threading.Timer(0.3, check_out)
    git.start()
    events = list(cluster.watch(API, since=listing.resource_version, timeout=3))
    git.join()
    assert [event.type for event in events] == [EventType.MODIFIED, EventType.BOOKMARK]


def test_whole_tree_swapped_under_a_watch(tmp_path) -> None:
    for name, summary in (("one", "old"), ("two", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text(GOOD.format(name="same") + f"  summary: {summary}\n")
    (tmp_path / "current").symlink_to("one")
    cluster = ManifestDirectory("git", path=tmp_path / "current", state=tmp_path / "state")
    listing = cluster.list(API)
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(tmp_path / "current")
    events = list(cluster.watch(API, since=listing.resource_version, timeout=1))
    assert [event.type for event in events] == [EventType.MODIFIED, EventType.BOOKMARK]
    assert events[0].object.uid == listing.objects[0].uid


def test_file_written_in_place_is_seen(cluster, folder) -> None:
    (folder / "a.yaml").write_text(GOOD.format(name="one"))
    cluster.get(API, namespace="shop", name="one")
    (folder / "a.yaml").write_text(GOOD.format(name="one") + "  summary: new\n")
    assert cluster.get(API, namespace="shop", name="one").body["spec"]["summary"] == "new"
    (folder / "a.yaml").write_text(GOOD.format(name="one") + "---\n" + GOOD.format(name="two"))
    assert cluster.get(API, namespace="shop", name="two").origin == "a.yaml:11"


def test_many_watches_see_one_change(cluster, folder) -> None:
    (folder / "a.yaml").write_text(GOOD.format(name="one"))
    version = cluster.version(API)
    seen: list[str] = []

    def watch() -> None:
        events = cluster.watch(API, since=version, timeout=20)
        seen.append(next(events).name)
        events.close()

    watchers = [threading.Thread(target=watch) for _ in range(8)]
    for watcher in watchers:
        watcher.start()
    (folder / "b.yaml").write_text(GOOD.format(name="two"))
    for watcher in watchers:
        watcher.join(20)
    assert seen == ["two"] * 8


def test_idle_folder_is_not_read_again(cluster, folder, monkeypatch) -> None:
    (folder / "a.yaml").write_text(GOOD.format(name="one"))
    version = cluster.version(API)
    monkeypatch.setattr(manifests, "_looked", lambda path: pytest.fail("looked again"))
    assert list(cluster.watch(API, since=version, timeout=1)) == []
    assert names(cluster) == ["one"]


def test_event_is_a_line_in_the_log(cluster, folder, caplog) -> None:
    (folder / "a.yaml").write_text(GOOD.format(name="one"))
    found = cluster.get(API, namespace="shop", name="one")
    cluster.record_event(found, reason="NotListed", message="No definition.", warning=True)
    assert "a.yaml:2" in caplog.text
    assert "No definition." in caplog.text

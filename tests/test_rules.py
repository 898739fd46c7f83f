"""The rules of the house, each kept by a test: who may import whom, who may release, and that the flow is one chain."""

from __future__ import annotations

import ast
import base64
import re
import secrets
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import apache_beam as beam
import cloudpickle
import pytest
from apache_beam import coders
from apache_beam.portability.api import beam_runner_api_pb2 as proto
from apache_beam.runners.runner import PipelineRunner
from apache_beam.typehints.decorators import TypeCheckError
from canaries.hunt import unpacked

from pipeline.chosen import chosen_database, chosen_policy
from pipeline.find import find
from pipeline.flow import flow
from pipeline.job import Job
from pipeline.launcher import Launcher
from pipeline.options import Wanted, engine
from pipeline.prepare import prepare
from schemas import load
from schemas.load import DeclarationError
from schemas.stages import Chunk, Events, PseudonymousEvents, Range, Sealed
from transforms import keys
from transforms.anonymise import check_treatments
from transforms.fused import Fused, check_order

ROOT = Path(__file__).resolve().parents[1]
HOUSE = ("schemas", "transforms", "pipeline", "audit")
MODULES = sorted(file for room in HOUSE for file in (ROOT / room).rglob("*.py"))
NAMES = [str(file.relative_to(ROOT)) for file in MODULES]

# ---- who imports whom -----------------------------------------------------------------------------------------------

MAY_IMPORT = {
    "schemas": {"schemas"},
    "transforms": {"schemas", "transforms"},
    "pipeline": {"schemas", "transforms", "pipeline"},
    "audit": {"schemas", "audit"},
}


def imported(tree: ast.AST) -> Iterator[str]:
    """The first part of the name of every module that is imported anywhere in a file, functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else (node.module or "").split(".")[0]


def broken_imports(room: str, source: str) -> set[str]:
    """Rooms of the house, and of its yard, that code in a room may not import."""
    ours = {*HOUSE, "audit", "tests", "bench", "sample_logs", "."}
    return {name for name in imported(ast.parse(source)) if name in ours} - MAY_IMPORT[room]


@pytest.mark.parametrize("file", MODULES, ids=NAMES)
def test_imports_go_one_way(file: Path) -> None:
    """schemas imports nothing of ours, transforms and audit only schemas, pipeline two; nothing imports tests."""
    assert broken_imports(file.relative_to(ROOT).parts[0], file.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("schemas", "import transforms.tally"),
        ("transforms", "def f():\n    from pipeline import run"),
        ("transforms", "from . import keys"),
        ("pipeline", "import audit"),
        ("audit", "from transforms.addresses import canonical"),
        ("audit", "def f():\n    import pipeline.entry"),
    ],
)
def test_broken_imports_would_be_found(room: str, source: str) -> None:
    """The rule finds an import the wrong way, also inside of a function."""
    assert broken_imports(room, source)


def released_calls(source: str) -> int:
    """How often code makes a Released, under whatever name it was imported."""
    tree = ast.parse(source)
    names = {"Released"} | {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == "Released" and alias.asname
    }
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    made = sum((isinstance(f, ast.Name) and f.id in names) or getattr(f, "attr", "") == "Released" for f in calls)
    copied = sum(isinstance(f, ast.Name) and f.id == "replace" and "Released" in source for f in calls)
    return made + copied


def test_only_the_guard_releases() -> None:
    """Released is made in transforms/guard and nowhere else."""
    makers = {str(file.relative_to(ROOT)) for file in MODULES if released_calls(file.read_text(encoding="utf-8"))}
    outside = {name for name in makers if not name.startswith("transforms/guard/")}
    # sink.py uses dataclasses.replace, on what it has staged
    assert outside - {"pipeline/sink.py"} == set()
    assert makers - outside != set()
    sink = (ROOT / "pipeline" / "sink.py").read_text(encoding="utf-8")
    assert re.findall(r"replace\((\w+)", sink) == ["made", "made"]


@pytest.mark.parametrize(
    "source",
    ["Released(1)", "stages.Released(1)", "from schemas.stages import Released as R\nR(1)"],
)
def test_release_elsewhere_would_be_found(source: str) -> None:
    """A call is found by its name, by an attribute, and under another name."""
    assert released_calls(source)


@pytest.mark.parametrize("file", MODULES, ids=NAMES)
def test_module_says_what_it_holds(file: Path) -> None:
    """Every module opens with one sentence."""
    sentence = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    assert sentence
    assert sentence.split("\n\n")[0].rstrip().endswith((".", ":")), sentence


@pytest.mark.parametrize("file", sorted(Path(__file__).parent.glob("test_*.py")), ids=lambda file: file.name)
def test_each_test_has_its_sentence(file: Path) -> None:
    """Every test says in one sentence what it shows."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert tests
    assert [node.name for node in tests if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("file", MODULES, ids=NAMES)
def test_no_vague_rooms(file: Path) -> None:
    """A module is called by what it holds."""
    assert not re.search(r"util|common|helper|manager", str(file.relative_to(ROOT)))


def test_flow_is_a_table_of_contents() -> None:
    """flow.py has no lambda, no branch and no loop."""
    tree = ast.parse((ROOT / "pipeline" / "flow.py").read_text(encoding="utf-8"))
    refused = (ast.Lambda, ast.If, ast.IfExp, ast.For, ast.While, ast.comprehension, ast.Try)
    assert [type(node).__name__ for node in ast.walk(tree) if isinstance(node, refused)] == []


# ---- declarations and files -----------------------------------------------------------------------------------------


def test_every_treatment_has_its_file_and_its_declaration() -> None:
    """A file in transforms/treatments is declared in fields.toml, and the other way round."""
    files = {file.stem for file in (ROOT / "transforms" / "treatments").glob("*.py")} - {"__init__"}
    assert files == set(load.fields().treatments) - {"drop"}
    check_treatments(load.fields())


def changed_fields(**changes: str) -> load.Fields:
    """The shipped fields with one text of fields.toml replaced by another."""
    text = (ROOT / "schemas" / "fields.toml").read_text(encoding="utf-8")
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return load.read_fields(tomllib.loads(text), "fields.toml")


def test_column_without_treatment_stops_the_run() -> None:
    """A column that nobody treats is refused when it is read, before any graph is built."""
    with pytest.raises(DeclarationError, match=r"column\.referrer\.treatment"):
        changed_fields(no=('treatment = "referrer"\nmeaning', "meaning"))  # type: ignore[arg-type]


def test_treatment_without_file_stops_the_run() -> None:
    """A declared treatment that nobody wrote is refused while the graph is built."""
    declared = '\n[treatment.later]\ntakes = ["status"]\ngives = ["later"]\n\n[treatment.drop]'
    with pytest.raises(DeclarationError, match="later"):
        check_treatments(changed_fields(more=("\n[treatment.drop]", declared)))  # type: ignore[arg-type]


def test_treatment_that_gives_something_else_stops_the_run() -> None:
    """What a treatment's file takes and gives is what was declared."""
    other = ('gives = ["network", "country"]', 'gives = ["network", "country", "city"]')
    with pytest.raises(DeclarationError, match=r"treatment\.address\.gives"):
        check_treatments(changed_fields(more=other))  # type: ignore[arg-type]


# ---- the order of steps ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    """A launcher that is running."""
    with Launcher(lambda done, lines: None) as running:
        yield running


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The job of a run over a small sample."""
    sample, policy = ROOT / "sample_logs" / "vhost_combined" / "input.log", ROOT / "sample_logs" / "crowdlog.toml"
    wanted = Wanted((str(sample),), tmp_path_factory.mktemp("out"), policy=policy)
    made, _ = prepare(
        wanted, chosen_policy(wanted), chosen_database(wanted), find(wanted.inputs), 1_800_000_000, engine(wanted)
    )
    return made


RIGHT = ("Read", "Parse", "Anonymise", "Tally")
WRONG = [
    ("Read", "Anonymise", "Parse", "Tally"),
    ("Read", "Parse", "Tally"),
    ("Read", "Parse", "Anonymise"),
    ("Read", "Parse"),
    ("Parse", "Anonymise", "Tally"),
    ("Read", "Parse", "Anonymise", "Tally", "Tally"),
    (),
]


def steps_of(graph: Graph) -> dict[str, Any]:
    """The steps of the fused stage by name, as flow.py makes them."""
    return {type(step).__name__: step for step in graph.stages["Digest"].steps}


def test_right_order_is_a_stage(graph: Graph) -> None:
    """The steps of flow.py follow from each other by their annotations."""
    assert tuple(steps_of(graph)) == RIGHT
    assert Fused(*steps_of(graph).values()).steps


@pytest.mark.parametrize("order", WRONG, ids=lambda order: "-".join(order) or "nothing")
def test_wrong_order_is_refused_while_the_graph_is_built(graph: Graph, order: tuple[str, ...]) -> None:
    """A step that is left out or misplaced is Beam's TypeCheckError: raw lines could leave the stage."""
    steps = steps_of(graph)
    with pytest.raises(TypeCheckError):
        Fused(*(steps[name] for name in order))


def test_step_without_a_stage_type_is_refused(graph: Graph) -> None:
    """A step has to say what it takes and gives, as Iterators of stage types."""

    class Loose:
        def __call__(self, chunks: list[Chunk]) -> Iterator[Sealed]:
            return iter(())

    with pytest.raises(TypeCheckError):
        check_order((steps_of(graph)["Read"], Loose()))


def test_stage_types_are_the_ones_of_the_design(graph: Graph) -> None:
    """Range → Chunk → Events → PseudonymousEvents → Sealed."""
    names = [type(step).__call__.__annotations__ for step in steps_of(graph).values()]
    taken_and_given = [tuple(str(hint).split("[")[1].rstrip("]") for hint in one.values()) for one in names]
    stages = [stage.__name__ for stage in (Range, Chunk, Events, PseudonymousEvents, Sealed)]
    assert taken_and_given == list(pairwise(stages))


IN_ORDER = ("Merge", "Gather", "Guard", "Stage", "Publish")
# What crosses a process is (int, bytes) three times over, and bytes count as an iterable: Beam cannot tell these apart.
ALIKE = [(0, 0), (0, 2), (0, 4), (3, 0), (3, 1)]
MISPLACED = [(before, after) for before in range(5) for after in range(5) if after != before + 1]


@pytest.mark.parametrize(("before", "after"), [pair for pair in MISPLACED if pair not in ALIKE])
def test_misplaced_stage_is_refused_while_the_graph_is_built(graph: Graph, before: int, after: int) -> None:
    """A stage behind any other than the one before it in flow.py is Beam's TypeCheckError."""
    stages = [graph.stages[name] for name in IN_ORDER]
    collection = beam.Pipeline(runner=Recording()) | beam.Create([(0, b"")], reshuffle=False).with_output_types(
        tuple[int, bytes]
    )
    for number, stage in enumerate(stages[: before + 1]):
        collection = collection | f"{number}" >> stage
    with pytest.raises(TypeCheckError):
        collection | "misplaced" >> stages[after]


# ---- the graph ------------------------------------------------------------------------------------------------------


@dataclass
class Graph:
    """The job graph as an engine gets it, and the pipeline that it was made from."""

    pipeline: beam.Pipeline
    proto: proto.Pipeline

    @property
    def stages(self) -> dict[str, Any]:
        """The stages that flow.py names, by those names."""
        found: dict[str, Any] = {}

        class Visitor(beam.pipeline.PipelineVisitor):
            def enter_composite_transform(self, node: Any) -> None:
                found.setdefault(node.full_label, node.transform)

        self.pipeline.visit(Visitor())
        return found

    @property
    def leaves(self) -> dict[str, proto.PTransform]:
        """Transforms that do something themselves, by unique name."""
        found = (one for one in self.proto.components.transforms.values() if not one.subtransforms)
        # an empty composite of Beam's Create gives what it was given
        return {one.unique_name: one for one in found if set(one.outputs.values()) - set(one.inputs.values())}

    def coder_of(self, collection: str) -> coders.Coder:
        """The coder of a PCollection."""
        context = beam.runners.pipeline_context.PipelineContext(self.proto.components)
        return context.coders.get_by_id(self.proto.components.pcollections[collection].coder_id)


class Recording(PipelineRunner):
    """A runner that keeps the graph and runs nothing."""

    def run_pipeline(self, pipeline: beam.Pipeline, options: Any) -> None:
        """Not called: the graph is taken from the pipeline."""
        raise AssertionError("nothing is to be run")


@pytest.fixture(scope="module")
def graph(job: Job, launcher: Launcher) -> Graph:
    """The graph of flow.py, with options as a run has them."""
    options = engine(Wanted(("x",), Path("out"))).options
    pipeline = beam.Pipeline(runner=Recording(), options=options)
    flow(pipeline, job, launcher.key, launcher.reporter)
    return Graph(pipeline, pipeline.to_runner_api())


def test_flow_is_one_chain(graph: Graph) -> None:
    """Every PCollection has one producer and one consumer, but for the first and the last."""
    produced = Counter(out for one in graph.leaves.values() for out in one.outputs.values())
    consumed = Counter(into for one in graph.leaves.values() for into in one.inputs.values())
    assert len(graph.leaves) > 8
    assert set(produced.values()) == {1}
    assert set(consumed.values()) == {1}
    assert len(set(produced) - set(consumed)) == 1  # what Publish gives
    assert [name for name, one in graph.leaves.items() if not one.inputs] == ["Plan/Impulse"]
    assert [name for name, one in graph.leaves.items() if max(len(one.inputs), len(one.outputs)) > 1] == []


def test_branch_would_be_found(job: Job, launcher: Launcher) -> None:
    """A second sink is a second consumer."""
    pipeline = beam.Pipeline(runner=Recording())
    last = flow(pipeline, job, launcher.key, launcher.reporter)
    for name in ("Once", "Twice"):
        last | name >> beam.Map(print)
    branched = Graph(pipeline, pipeline.to_runner_api())
    assert max(Counter(i for one in branched.leaves.values() for i in one.inputs.values()).values()) == 2


def test_no_side_inputs_states_or_timers(graph: Graph) -> None:
    """No step has a side input, a state or a timer, and nothing is emitted when a bundle ends."""
    for name, one in graph.leaves.items():
        if one.spec.urn == "beam:transform:pardo:v1":
            payload = proto.ParDoPayload.FromString(one.spec.payload)
            assert not payload.side_inputs, name
            assert not payload.state_specs, name
            assert not payload.timer_family_specs, name
    for stage in stages_of(graph):
        assert stage.finish_bundle() is None  # neither a value nor a generator: nothing that an engine could lose


def stages_of(graph: Graph) -> list[beam.DoFn]:
    """Our own DoFns of a graph."""
    found: list[beam.DoFn] = []

    class Visitor(beam.pipeline.PipelineVisitor):
        def visit_transform(self, node: Any) -> None:
            fn = getattr(node.transform, "fn", None)
            if fn is not None and type(fn).__module__.split(".")[0] in HOUSE:
                found.append(fn)

    graph.pipeline.visit(Visitor())
    assert len(found) >= 5
    return found


def test_shuffles_have_small_integers_for_keys(graph: Graph) -> None:
    """What engines group by is an integer: Python's hash of anything else differs between processes."""
    groups = [one for one in graph.leaves.values() if one.spec.urn == "beam:transform:group_by_key:v1"]
    assert len(groups) == 4  # Spread, Merge, Gather, Publish
    for group in groups:
        (collection,) = group.inputs.values()
        assert isinstance(graph.coder_of(collection).key_coder(), coders.VarIntCoder), group.unique_name


def test_tallies_cross_as_integer_and_bytes(graph: Graph) -> None:
    """Between the fused stage and Merge the coder is the one for (int, bytes): nothing is pickled."""
    (digest,) = (one for name, one in graph.leaves.items() if name.startswith("Digest/"))
    (collection,) = digest.outputs.values()
    coder = graph.coder_of(collection)
    assert isinstance(coder, coders.TupleCoder)
    assert [type(part) for part in coder.coders()] == [coders.VarIntCoder, coders.BytesCoder]


# ---- the key --------------------------------------------------------------------------------------------------------


def forms(key: bytes) -> list[bytes]:
    """A key as it could stand somewhere: raw, hex, base64 of both alphabets, and as repr shows bytes."""
    return [
        key, key.hex().encode(), key.hex().upper().encode(), base64.b64encode(key).rstrip(b"="),
        base64.urlsafe_b64encode(key).rstrip(b"="), repr(key)[2:-1].encode(),
    ]  # fmt: skip


def holds(key: bytes, content: bytes) -> bool:
    """Whether a key is in there, in any form."""
    return any(form in text for text in unpacked(content) for form in forms(key))


def everything_sent(graph: Graph, job: Job) -> bytes:
    """All that an engine is given: the graph, its options, and every DoFn pickled without compression."""
    options = str(graph.pipeline.options.get_all_options()).encode()
    return b"\n".join(
        [graph.proto.SerializeToString(), options, cloudpickle.dumps(job), *map(cloudpickle.dumps, stages_of(graph))]
    )


def test_key_is_nowhere_in_the_graph(graph: Graph, job: Job, launcher: Launcher) -> None:
    """Neither the key nor what is derived from it is in the graph, in a DoFn or in an option; the socket's path is."""
    sent = everything_sent(graph, job)
    key = launcher.key.fetch()
    assert launcher.key.text.encode() in sent
    for secret in (key, keys.derive(key, "seal"), keys.derive(key, "network")):
        assert not holds(secret, sent)


@pytest.mark.parametrize("where", ["field", "option"])
def test_key_in_the_graph_would_be_found(job: Job, launcher: Launcher, where: str) -> None:
    """The hunt finds a key that a DoFn holds, in Beam's compressed pickle too, and one in an option."""
    key = secrets.token_bytes(keys.SIZE)
    flags = [f"--job_name={key.hex()}"] if where == "option" else []
    options = engine(Wanted(("x",), Path("out"), beam=tuple(flags))).options
    pipeline = beam.Pipeline(runner=Recording(), options=options)
    leaking = replace(job, forced_site=key if where == "field" else None)  # type: ignore[arg-type]
    flow(pipeline, leaking, launcher.key, launcher.reporter)
    leaky = Graph(pipeline, pipeline.to_runner_api())
    assert holds(key, everything_sent(leaky, job))


def test_job_has_no_place_for_a_key() -> None:
    """The Job, which is in the graph, is made without any key."""
    assert [one.name for one in fields(Job) if "key" in one.name or "Key" in str(one.type)] == []


def test_every_package_is_installed() -> None:
    """setup.py lists each folder of modules: an editable install finds the others too, a wheel does not."""
    houses = ("schemas", "transforms", "pipeline", "audit")
    there = {
        str(file.parent.relative_to(ROOT)).replace("/", ".")
        for house in houses
        for file in (ROOT / house).rglob("*.py")
    }
    call = ast.parse((ROOT / "setup.py").read_text()).body[-1]
    assert isinstance(call, ast.Expr) and isinstance(call.value, ast.Call)
    listed = next(word.value for word in call.value.keywords if word.arg == "packages")
    assert set(ast.literal_eval(listed)) == there

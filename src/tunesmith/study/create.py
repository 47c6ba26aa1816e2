"""Make, load, copy and delete studies."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tunesmith.artifacts import BlobStore, open_store
from tunesmith.errors import DuplicatedStudyError
from tunesmith.foundation import registry
from tunesmith.foundation.arguments import checked, is_whole
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.states import FailureKind, StudyDirection, TrialState
from tunesmith.foundation.storable import storable
from tunesmith.foundation.text import listing, name_and_message, shown
from tunesmith.pruners.base import Pruner
from tunesmith.samplers.base import InheritingSampler, Sampler
from tunesmith.space import Space
from tunesmith.storage import open_storage
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.study.artifacts import ARTIFACT_STORE, ArtifactHome, copy_artifacts, drop_artifacts
from tunesmith.study.engine.channel import is_wish
from tunesmith.study.engine.metrics import METRIC, VALUE, checked_metric, metric_of, value_of, with_metrics
from tunesmith.study.engine.recovery import RETRIES_ATTR, checked_retries, stored_retries, to_store
from tunesmith.study.engine.replica import PRIORS
from tunesmith.study.study import Study
from tunesmith.study.verdict import read_verdict, store_verdict
from tunesmith.study.warm_start import WARM_START, encode_points, encode_warm_start
from tunesmith.trial.record import FrozenTrial, values_of
from tunesmith.trial.result import LAST, checked_value

StorageLike = str | Path | Storage | None
SamplerLike = str | Sampler | None
PrunerLike = str | Pruner | None
StoreLike = str | Path | BlobStore | None


@dataclass(frozen=True, slots=True)
class WarmStart:
    """What a warm start keeps of earlier studies. It can be pickled, and be given in their place.

    Attributes:
        data: it, as JSON.
    """

    data: dict[str, Any]

    @classmethod
    def of(cls, given: Study | Iterable[Study] | WarmStart) -> WarmStart:
        """Return the warm start from what was given as ``warm_start_from=``.

        Raises:
            ValueError: it is neither a study with one objective nor several of them.
        """
        earlier = _source_studies(given)
        if isinstance(earlier, WarmStart):
            return earlier
        return cls(encode_warm_start([(study.study_name, study.history) for study in earlier]))

    @classmethod
    def of_points(cls, name: str, space: Space, points: Floats, losses: Floats) -> WarmStart:
        """Return the warm start from points that are known to be good, and worse ones around them.

        Args:
            name: where they are from.
            space: numbers only.
            points: values of the parameters [n, d], in the order of the space.
            losses: what is expected of each [n]; only their order counts.
        """
        return cls(encode_points(name, space, points, losses))


@checked("sampler", "pruner", "seed", "retries", "warm_start_from", "warm_start", "artifact_store", "storage")
def create_study(
    *,
    storage: StorageLike = None,
    sampler: SamplerLike = None,
    pruner: PrunerLike = None,
    study_name: str | None = None,
    direction: str | StudyDirection | None = None,
    load_if_exists: bool = False,
    directions: Sequence[str | StudyDirection] | None = None,
    seed: int | None = None,
    space: Any = None,
    warm_start_from: Study | Iterable[Study] | WarmStart | None = None,
    retries: int | Mapping[FailureKind | str, int] | None = None,
    artifact_store: StoreLike = None,
    priors: bool = True,
    warm_start: WarmStart | None = None,
    metric: str | Sequence[str] | None = None,
    value: str | None = None,
) -> Study:
    """Create a study.

    Args:
        storage: None for memory; a file ("tune.db"), an SQLAlchemy URL, or a storage object.
        sampler: a name of the registry, or an object; by default the one that suits the space and budget best. It is
            stored with a new study, with its arguments if these are data; for a study that is there already it counts
            for this object, which says so where it is another one.
        pruner: a name of the registry, or an object; by default trials are not pruned unless the objective asks, and
            then as suits what it does ("auto"): it saves checkpoints, or it does not. It is stored likewise.
        study_name: unique in the storage; made up if missing.
        direction: "minimize" (the default) or "maximize".
        load_if_exists: go on with the study of that name if there is one; it keeps its seed and directions, and its
            sampler and pruner if none are given.
        directions: one direction for each of several objectives.
        seed: 0 or more; the whole course of the study follows from it. By default a random one is drawn and kept.
        space: what to search, if it is known beforehand; any form that `Space` takes.
        warm_start_from: earlier studies of like problems, whatever their directions and units. What they found is
            copied into the study when it is created; their best points are tried first, and they guide the
            Gaussian-process sampler as far as they prove right. A study that exists already keeps what it was
            created with.
        retries: how often in a row a trial is run again whose worker was lost (out of memory, a crash in a library, a
            ``kill -9``, a machine that is gone) before it is FAIL; 1 by default. A mapping says it for each kind of
            failure, such as ``{"lost": 2, "interrupted": 20, "raised": 1}``: a trial that is interrupted (SIGTERM,
            Ctrl-C) is run again 10 times by default, and one whose objective raised not at all. A run that reported a
            new step or saved a checkpoint is not counted, and the count begins anew after it; 0: never run again. It is
            stored with the study, and can be changed with `load_if_exists`.
        artifact_store: where the contents of ``study.artifacts`` and ``trial.artifacts`` are kept: a folder, a URL such
            as "s3://bucket/folder", or a store. By default beside an SQLite file ("tune.db.artifacts"), and for a study
            in memory in a temporary folder; with a server, name one. It is stored with a new study; for a study that
            has one it counts for this object.
        priors: whether the Gaussian-process sampler uses what is usually good for a parameter of such a name (a
            learning rate, a depth, a dropout), see `Study.explain`; ``prior=`` of a parameter counts in any case. A
            study that exists already keeps what it was created with.
        warm_start: what is known beforehand without earlier studies of this scale, such as `ScalingLaw.prior` says it;
            in place of `warm_start_from`, and used in the same way.
        metric: which of the metrics that ``trial.report({"loss": 0.3, "acc": 0.9}, step)`` is given is the value; of
            several objectives, one name for each. By default the first.
        value: which report is the result of a trial, be it complete or stopped early: "last", "best", or "mean of the
            last 5", with any number; over all attempts of the trial. The objective may return nothing then; what it
            returns is not used, with a warning if it is none of the reports, and counts only where there are none. It
            is stored with the study. None: what the objective returns, and of a trial that is stopped the last report.
            The best of many reports is too good: `Study.recommend` says by how much, where ``trial.report(rows=)`` has
            the losses of the validation rows.

    Returns:
        The study.

    Raises:
        DuplicatedStudyError: the name is taken and `load_if_exists` is false.
        TypeError: `value` is no text.
        ValueError: a direction, sampler or pruner is unknown, a loaded study has other directions, another metric or
            another value, there are more or fewer metrics than objectives, a value is given for several objectives, or
            a warm start is asked for from studies with several objectives.

    Example:
        ```python
        import tunesmith

        study = tunesmith.create_study(storage="tune.db", study_name="mine", load_if_exists=True, seed=0)
        study.optimize(lambda trial: trial.suggest_float("x", -10, 10) ** 2, n_trials_total=20)
        print(study.best_params, study.best_value)
        ```
    """
    ways = _directions(direction, directions)
    if seed is not None and not (is_whole(seed) and seed >= 0):
        raise ValueError(f"seed must be an integer, 0 <= seed < 2**63; got {seed!r}")
    run_again = None if retries is None else checked_retries(retries)
    deciding = checked_metric(metric, len(ways))
    if value is not None and checked_value(value) and len(ways) > 1:
        raise ValueError(
            f"value={value!r}: with several objectives no report is the best one; return the values of the epoch that "
            "counts from the objective, and leave out value="
        )
    if warm_start is not None and (warm_start_from is not None or not isinstance(warm_start, WarmStart)):
        raise ValueError(
            "warm_start= takes what ScalingLaw.prior returns, and not together with warm_start_from=, which takes "
            f"earlier studies; got {shown(warm_start)}"
        )
    earlier = _source_studies(warm_start_from if warm_start is None else warm_start)
    if earlier and len(ways) > 1:
        raise ValueError(
            "warm_start_from= is for one objective; of earlier studies with the same objectives, add_trials(study) "
            "takes the trials over"
        )
    declared = None if space is None else space if isinstance(space, Space) else Space(space)
    given = _store(artifact_store)
    store = open_storage(storage)
    chosen: Sampler = _named("samplers", sampler)
    rule = _pruner(pruner, chosen)
    given_by_user = (("samplers", sampler, chosen), ("pruners", pruner, rule))
    made = {kind: describe_made(kind, one) for kind, asked, one in given_by_user if asked is not None}
    made = {kind: what for kind, what in made.items() if what != MADE_BY_DEFAULT}
    own_seed = seed if seed is not None else getattr(chosen, "seed", None)
    try:
        record = store.create_study(
            study_name, ways, int(own_seed) if own_seed is not None else secrets.randbits(31), declared
        )
    except DuplicatedStudyError:
        if not load_if_exists:
            raise
        record = store.load_study(study_name)
        if list(record.directions) != ways and (direction is not None or directions is not None):
            raise ValueError(
                f"the study {study_name!r} is there already, with the directions {list(record.directions)}; got "
                f"{ways}. A study keeps its directions: choose another study_name, or delete_study() it first"
            ) from None
    is_new = bool(earlier or made or not priors) and not store.count(record.id)
    settings: dict[str, Any] = {}
    # A study that another process is just creating, or whose creation was interrupted, has no warm start yet.
    if earlier and is_new and WARM_START not in record.system:
        settings[WARM_START] = WarmStart.of(earlier).data
    if not priors and is_new and PRIORS not in record.system:
        settings[PRIORS] = False
    if made and is_new and MADE_WITH not in record.system:
        settings[MADE_WITH] = made
    if deciding and deciding != (before := metric_of(record.system)):
        if before:
            raise ValueError(
                f"the study {record.name!r} is there already, and its metric is {listing(before)}; got "
                f"{listing(deciding)}. A study keeps its metric: choose another study_name"
            )
        settings[METRIC] = list(deciding)
    if value is not None and value != (counted := value_of(record.system)):
        if counted is not None or store.count(record.id):
            raise ValueError(
                f"the study {record.name!r} is there already, and the result of its trials is "
                f"{'what the objective returned' if counted is None else repr(counted)}; got value={value!r}. A study "
                "keeps that: choose another study_name"
            )
        settings[VALUE] = value
    if run_again is not None and stored_retries(record.system) != run_again:
        settings[RETRIES_ATTR] = to_store(run_again)
    if given is not None and ARTIFACT_STORE not in record.system and not store.artifacts(record.id):
        settings[ARTIFACT_STORE] = given.url
    for key, value in settings.items():
        store.set_attr(record.id, None, key, value, system=True)
    if settings:
        record = store.load_study(record.name)
    study = _opened_study(record, store, sampler, pruner, given, chosen, rule)
    if declared is not None:
        study.declare(declared)
    return study


@checked("sampler", "pruner", "artifact_store", "storage")
def load_study(
    *,
    study_name: str | None,
    storage: StorageLike,
    sampler: SamplerLike = None,
    pruner: PrunerLike = None,
    artifact_store: StoreLike = None,
) -> Study:
    """Load a study.

    Args:
        study_name: its name; None if it is the only one of the storage.
        storage: as for `create_study`.
        sampler: as for `create_study`; by default the one that the study was made with.
        pruner: likewise.
        artifact_store: where the contents of its artifacts are, seen from here; None: where the study says.

    Returns:
        The study.

    Raises:
        StudyNotFoundError: there is no such study; the message lists near names.

    Example:
        ```python
        import tunesmith

        tunesmith.create_study(storage="tune.db", study_name="mine")
        study = tunesmith.load_study(storage="tune.db", study_name="mine")
        print(len(study.trials))
        ```
    """
    store = open_storage(storage)
    record, given = store.load_study(study_name), _store(artifact_store)
    return _opened_study(record, store, sampler, pruner, given)


@checked("artifact_store", "storage")
def delete_study(*, study_name: str, storage: StorageLike, artifact_store: StoreLike = None) -> None:
    """Delete a study, all of its trials, and its artifacts.

    Args:
        study_name: its name.
        storage: as for `create_study`.
        artifact_store: where the contents of its artifacts are, seen from here; None: where the study says.

    Raises:
        StudyNotFoundError: there is no such study.

    Example:
        ```python
        import tunesmith

        tunesmith.create_study(storage="tune.db", study_name="mine")
        tunesmith.delete_study(storage="tune.db", study_name="mine")
        assert tunesmith.get_all_study_names("tune.db") == []
        ```
    """
    store = open_storage(storage)
    record = store.load_study(study_name)
    home = ArtifactHome(record, store, _store(artifact_store))
    store.delete_study(record.id)
    drop_artifacts(record, store, home)


@checked("artifact_store", "from_storage", "to_storage")
def copy_study(
    *,
    from_study_name: str,
    from_storage: StorageLike,
    to_storage: StorageLike,
    to_study_name: str | None = None,
    artifact_store: StoreLike = None,
) -> Study:
    """Copy a study with its finished and waiting trials, attributes, artifacts, seed and space.

    Args:
        from_study_name: the study to copy.
        from_storage: where it is; as for `create_study`.
        to_storage: where the copy goes.
        to_study_name: the name of the copy; None: the same.
        artifact_store: where the copy keeps its artifacts; None: where the study does, or beside the new file.

    Returns:
        The copy.

    Raises:
        StudyNotFoundError: there is no such study.
        DuplicatedStudyError: the name is taken in the target.

    Example:
        ```python
        import tunesmith

        tunesmith.create_study(storage="tune.db", study_name="mine")
        copy = tunesmith.copy_study(from_study_name="mine", from_storage="tune.db", to_storage="backup.db")
        print(copy.study_name)
        ```
    """
    source, target = open_storage(from_storage), open_storage(to_storage)
    old = source.load_study(from_study_name)
    new = target.create_study(to_study_name or old.name, list(old.directions), old.seed, old.space)
    for key, value in old.user.items():
        target.set_attr(new.id, None, key, value)
    for key, value in old.system.items():
        if not is_wish(key):
            target.set_attr(new.id, None, key, value, system=True)
    states = [state for state in TrialState if state is not TrialState.RUNNING]
    trials = [t for t in source.trials(old.id, states=states) if t.state.is_finished() or t.fixed or t.x is not None]
    value, sign = value_of(old.system) or LAST, 1.0 if old.directions[0] == "minimize" else -1.0
    trials = [_paused_as_pruned(t, value, sign) if t.state is TrialState.PAUSED else t for t in trials]
    added = target.add(new.id, with_metrics(trials)) if trials else []
    numbers = dict(zip((t.number for t in trials), added, strict=True))
    given = _store(artifact_store)
    if given is not None:
        target.set_attr(new.id, None, ARTIFACT_STORE, given.url, system=True)
    study = _opened_study(target.load_study(new.name), target, None, None, given)
    if (decided := read_verdict(old.system, old.name)) is not None and any(a != b for a, b in numbers.items()):
        store_verdict(study.engine.study, decided.renumbered(numbers))
    copy_artifacts(ArtifactHome(old, source), study.engine.artifacts, numbers)
    return study


@checked("storage")
def rename_study(*, study_name: str, new_study_name: str, storage: StorageLike) -> None:
    """Give a study another name. Trials that run go on; a program that opens it later has to use the new name.

    Args:
        study_name: its name.
        new_study_name: the new one, unique in the storage.
        storage: as for `create_study`.

    Raises:
        StudyNotFoundError: there is no such study.
        DuplicatedStudyError: another study has the new name.

    Example:
        ```python
        import tunesmith

        tunesmith.create_study(storage="tune.db", study_name="mine")
        tunesmith.rename_study(study_name="mine", new_study_name="ours", storage="tune.db")
        assert tunesmith.get_all_study_names("tune.db") == ["ours"]
        ```
    """
    opened = open_storage(storage)
    opened.rename_study(opened.load_study(study_name).id, new_study_name)


@checked("storage")
def get_all_study_names(storage: StorageLike) -> list[str]:
    """Return the names of all studies of a storage, oldest first.

    Example:
        ```python
        import tunesmith

        tunesmith.create_study(storage="tune.db", study_name="mine")
        assert tunesmith.get_all_study_names("tune.db") == ["mine"]
        ```
    """
    return [s.name for s in open_storage(storage).list_studies()]


def _source_studies(given: Any) -> list[Study] | WarmStart:
    """Return the studies of a warm start.

    Raises:
        ValueError: it is something else, or one of the studies has several objectives.
    """
    if isinstance(given, WarmStart):
        return given
    if given is not None and not isinstance(given, Study | Iterable):
        raise ValueError(f"warm_start_from= takes studies, such as load_study(...) returns; got {given!r}")
    studies = [given] if isinstance(given, Study) else list(given) if given is not None else []
    for study in studies:
        if not isinstance(study, Study):
            raise ValueError(f"warm_start_from= takes studies, such as load_study(...) returns; got {study!r}")
        if len(study.directions) > 1:
            raise ValueError(f"warm_start_from= takes studies with one objective; {study.study_name!r} has several")
    return studies


def _directions(direction: str | StudyDirection | None, directions: Sequence[str | StudyDirection] | None) -> list[str]:
    if direction is not None and directions is not None:
        raise ValueError("give direction= or directions=, not both")
    if isinstance(directions, str):
        raise ValueError(f"directions= takes a list such as ['minimize', 'maximize']; got {directions!r}")
    given = list(directions) if directions is not None else [direction or "minimize"]
    if not given:
        raise ValueError("directions= must name at least one direction; got none")
    out: list[str] = []
    for d in given:
        word = d.value if isinstance(d, StudyDirection) else str(getattr(d, "name", d)).lower()
        if word not in ("minimize", "maximize"):
            raise ValueError(f"a direction is 'minimize' or 'maximize'; got {d!r}")
        out.append(word)
    return out


def _opened_study(
    record: StudyRecord,
    store: Storage,
    sampler: SamplerLike,
    pruner: PrunerLike,
    given: BlobStore | None,
    chosen: Sampler | None = None,
    rule: Pruner | None = None,
) -> Study:
    """Return the study of a record, with what is given, or else with the sampler and the pruner that it was made with.

    Args:
        chosen: the sampler that was made of `sampler`; None: none was yet.
        rule: likewise.
    """
    stored = record.system.get(MADE_WITH)
    stored = stored if isinstance(stored, dict) else {}
    chosen = chosen or _named("samplers", sampler)
    notes: list[str] = []
    if (before := stored.get("samplers")) is not None:
        chosen = taken_up("samplers", before, record.name, chosen, sampler is not None, notes)
        rule = rule if pruner is not None else None
    rule = rule or _pruner(pruner, chosen)
    if (before := stored.get("pruners")) is not None:
        rule = taken_up("pruners", before, record.name, rule, pruner is not None, notes)
    study = Study(record, store, chosen, rule, given)
    study.engine.untold = notes
    return study


def _pruner(pruner: PrunerLike, sampler: Sampler) -> Pruner:
    if pruner is None and isinstance(sampler, InheritingSampler):
        name, argument = sampler.default_pruner()
        return cast("Pruner", registry.load_registered("pruners", name)(argument))
    return cast("Pruner", _named("pruners", pruner))


def _paused_as_pruned(paused: FrozenTrial, value: str, sign: float) -> FrozenTrial:
    """Return a paused trial as a pruned one: it goes on in its own study only."""
    ended = copy(paused)
    ended.state, ended.values = TrialState.PRUNED, values_of(paused.intermediate_values, value, sign)
    ended.reason = "it was paused in the study that this is a copy of"
    return ended


def _store(given: StoreLike) -> BlobStore | None:
    return None if given is None else open_store(given)


def _named(kind: str, given: Any) -> Any:
    """Return a sampler or a pruner given as it is, or by a name of the registry; None: "auto".

    Raises:
        ValueError: it is neither.
    """
    if isinstance(given, KINDS_MADE[kind]):
        return given
    if given is not None and not isinstance(given, str):
        hint = f"; add () to make one: {given.__name__}()" if isinstance(given, type) else ""
        known = ", ".join(sorted(registry.names(kind)))
        raise ValueError(f"{kind[:-1]}= takes a name ({known}) or a tunesmith {kind[:-1]}; got {given!r}{hint}")
    return registry.load_registered(kind, given or "auto")()


# -- the sampler and the pruner that a study was made with: stored where they are names of the registry and data ------

MADE_WITH = "made_with"  # the system attribute of the study: by kind, what `described` returns
MADE_BY_DEFAULT = {"name": "auto", "args": {}}
KINDS_MADE: dict[str, type[Any]] = {"samplers": Sampler, "pruners": Pruner}


def taken_up(kind: str, stored: Any, study: str, made: Any, is_given: bool, notes: list[str]) -> Any:
    """Return the sampler or the pruner that a study goes on with.

    Args:
        kind: "samplers" or "pruners".
        stored: what the study was made with.
        study: its name.
        made: what goes on in its place.
        is_given: whether the user asked for that.
        notes: gets a sentence where it is another one.
    """
    word = kind[:-1]
    before = stored if isinstance(stored, Mapping) else {"name": None}
    begins = f"the study {study!r} was made with {word}={call_in_words(before)}"
    if is_given:
        if (now := describe_made(kind, made)) != before:
            notes.append(f"{begins}, and goes on with {call_in_words(now)} here; leave out {word}= to go on as before")
        return made
    try:
        return make_again(kind, before)
    except ValueError as error:
        notes.append(f"{begins}, which is not stored with it ({error}), and goes on with {made.name!r}; give {word}=")
        return made


def describe_made(kind: str, made: Any) -> dict[str, Any]:
    """Return what is stored of a sampler or a pruner.

    Args:
        kind: "samplers" or "pruners".
        made: the object.

    Returns:
        its "name" in the registry, and "args" by name. One that is not registered has the name of its class; without
        "args" they are not plain data.
    """
    cls = type(made)
    if cls.name not in registry.names(kind) or registry.load_registered(kind, cls.name) is not cls:
        return {"name": f"{cls.__module__}.{cls.__qualname__}"}
    args = _data(made)
    return {"name": cls.name} if args is None else {"name": cls.name, "args": args}


def make_again(kind: str, stored: Any) -> Any:
    """Make what was stored.

    Raises:
        ValueError: it was not stored; the message says why.
    """
    name, args = stored.get("name"), stored.get("args")
    if name not in registry.names(kind):
        raise ValueError("it is not in the registry")
    if not isinstance(args, Mapping):
        raise ValueError("its arguments are no data")
    found = {key: make_again(*next(iter(value.items()))) if _is_nested(value) else value for key, value in args.items()}
    try:
        return registry.load_registered(kind, name)(**found)
    except Exception as error:  # of another version, or a class of somebody else
        raise ValueError(name_and_message(error)) from error


def call_in_words(stored: Mapping[str, Any]) -> str:
    """Return what was stored as a call of it."""
    given = ", ".join(f"{key}={shown(value)}" for key, value in (stored.get("args") or {}).items())
    return f"{stored.get('name')}({given})" if given else f"{stored.get('name')}"


def _data(made: Any) -> dict[str, Any] | None:
    """Return the arguments that an object was made with, by name; None: they are not plain data."""
    if made.made_with is None:  # it was pickled by an earlier version
        return None
    args, options = made.made_with
    signature = inspect.signature(type(made))
    known = {key: value for key, value in options.items() if key in signature.parameters}  # others are foreign ones
    found: dict[str, Any] = {}
    for key, value in signature.bind(*args, **known).arguments.items():
        nested = next((kind for kind, base in KINDS_MADE.items() if isinstance(value, base)), None)
        try:
            kept = storable(key, value) if nested is None else {nested: describe_made(nested, value)}
            if nested is not None and "args" not in kept[nested]:
                return None
            if nested is None and kept != value:  # a tuple, an array, NaN
                return None
        except ValueError:
            return None
        found[key] = kept
    return found


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in KINDS_MADE

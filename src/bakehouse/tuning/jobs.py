"""Tuning jobs with a life: accepted, run trial by trial, and told about afterwards."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from bakehouse import clock
from bakehouse.bell import Bell, at_most
from bakehouse.faults import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    LimitExceeded,
    NotFound,
    Rejected,
)
from bakehouse.storage.records import (
    Delete,
    Insert,
    KeyTaken,
    Put,
    Records,
    Write,
    commit_async,
    every,
)
from bakehouse.tuning.halving import brackets, is_below_median, is_cut, rungs
from bakehouse.tuning.job import (
    Definition,
    Order,
    Trial,
    TuningJob,
    best_of,
    end,
    job_from,
    to_row,
    trial_from,
)
from bakehouse.tuning.search import Tried, grid_size, search_for
from bakehouse.tuning.trainer import Seen, Trainer

_JOB, _OPEN, _TRIAL = "tuning/job", "tuning/open", "tuning/trial"
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,31}")
_MOST_UNFINISHED = 100
_PAUSE_S = 0.2
_LOOK_S = 30.0
"""The longest between two looks at a trial of which no news came."""
_ALL_FAILED = (
    "All training jobs failed. Please take a look at the training jobs failures to get more"
    " details."
)

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Run:
    """A tuning job that is not over, with its trials by number."""

    job: TuningJob
    trials: dict[int, Trial]
    parents: list[Trial]
    halt: asyncio.Event = field(default_factory=asyncio.Event)
    news: Bell = field(default_factory=Bell)
    over: asyncio.Event = field(default_factory=asyncio.Event)


class TuningJobs:
    """The tuning jobs of a data folder. Everything but the reads belongs to the event loop.

    Args:
        records: where the jobs and their trials are kept.
        trainer: runs the training jobs.
        account_id: twelve digits, for names (ARNs).
        region: the same.
    """

    def __init__(self, records: Records, trainer: Trainer, *, account_id: str, region: str) -> None:
        self._records, self._trainer = records, trainer
        self._account_id, self._region = account_id, region
        self._runs: dict[str, _Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    # Life

    async def start(self) -> None:
        """Go on with what a server before this one left unfinished."""
        for row in every(self._records, _OPEN):
            job = self.describe(row.key)
            run = self._begin(job, self.trials(job.name))
            if job.status == "Stopping":
                run.halt.set()

    async def stop(self) -> None:
        """Let go of what runs. The jobs stay as they are, and go on when a server starts again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What there is

    def arn(self, name: str) -> str:
        """The Amazon resource name of a job."""
        return (
            f"arn:aws:sagemaker:{self._region}:{self._account_id}:hyper-parameter-tuning-job/{name}"
        )

    def describe(self, name: str) -> TuningJob:
        """The job of that name; NotFound if there is none."""
        row = self._records.get(_JOB, name)
        if row is None:
            raise NotFound("tuning job", name)
        return job_from(row.value)

    def exists(self, name: str) -> bool:
        """Whether there is a job of that name."""
        return self._records.get(_JOB, name) is not None

    def jobs(self) -> list[TuningJob]:
        """Every job, by name."""
        return [job_from(row.value) for row in every(self._records, _JOB)]

    def trials(self, name: str) -> list[Trial]:
        """The trials of a job, in their order."""
        rows = every(self._records, _TRIAL, prefix=f"{name}/")
        return [trial_from(row.value) for row in rows]

    async def settled(self, name: str, timeout_s: float) -> None:
        """Wait until a job is over, or for some seconds; at once if none of that name runs."""
        if run := self._runs.get(name):
            await at_most(run.over.wait(), timeout_s)

    def news(self, name: str) -> int:
        """How often a job has changed so far; 0 if none of that name runs."""
        run = self._runs.get(name)
        return 0 if run is None else run.news.count

    async def changed(self, name: str, since: int, timeout_s: float) -> None:
        """Wait until there is more :meth:`news` of a job than ``since``, or for some seconds."""
        if run := self._runs.get(name):
            await at_most(run.news.rung(since), timeout_s)

    async def wait(self, name: str) -> TuningJob:
        """The job when it is over; NotFound if there is none."""
        if task := self._tasks.get(name):
            await asyncio.wait((task,))
        return self.describe(name)

    # What changes it

    async def create(self, order: Order, *beside: Write) -> TuningJob:
        """Accept a job; it is stored when this returns, and begins at once.

        What else is to be written for it is written by the same commit.

        Raises:
            InvalidInput: the name is none, or the strategy cannot be carried out here.
            NotFound: a parent of a warm start is not there.
            AlreadyExists: there is a job of that name.
            LimitExceeded: 100 jobs are unfinished.
        """
        if len(order.name) > 32 or not _NAME.fullmatch(order.name):
            raise InvalidInput(
                "HyperParameterTuningJobName", order.name, "1 to 32 of A-Z a-z 0-9 and inner -"
            )
        search_for(order.strategy)
        for parent in order.parents:
            self.describe(parent)
        if len(self._runs) >= _MOST_UNFINISHED:
            waiting = len(self._runs) + 1
            raise LimitExceeded("The queue", waiting, _MOST_UNFINISHED, "tuning jobs")
        now = clock.epoch_ms()
        job = TuningJob(order, "InProgress", now, now)
        row, open_row = Insert(_JOB, job.name, to_row(job)), Put(_OPEN, job.name, {})
        try:
            await commit_async(self._records, row, open_row, *beside)
        except KeyTaken as taken:
            raise AlreadyExists("tuning job", job.name) from taken
        self._begin(job, [])
        return job

    async def stop_job(self, name: str) -> None:
        """Ask a job to end: no more trials, and those that run are stopped.

        Raises:
            NotFound: there is no such job.
            Conflict: it is over.
        """
        run = self._runs.get(name)
        if run is None or run.job.is_over:
            status = self.describe(name).status
            raise Conflict("tuning job", name, status, "one that is InProgress")
        if not run.halt.is_set():
            run.halt.set()
            now = clock.epoch_ms()
            await self._record(run, replace(run.job, status="Stopping", modified_ms=now))

    async def delete(self, name: str) -> None:
        """Forget a job that is over; its training jobs stay.

        Raises:
            NotFound: there is no such job.
            Conflict: it is not over.
        """
        job = self.describe(name)
        if name in self._runs:
            raise Conflict("tuning job", name, job.status, "one that is over")
        keys = [row.key for row in every(self._records, _TRIAL, prefix=f"{name}/")]
        await commit_async(
            self._records, Delete(_JOB, name), *(Delete(_TRIAL, key) for key in keys)
        )

    # The run

    def _begin(self, job: TuningJob, trials: Sequence[Trial]) -> _Run:
        parents = [trial for name in job.order.parents for trial in self.trials(name)]
        run = _Run(job, {trial.number: trial for trial in trials}, parents)
        self._runs[job.name] = run
        task = asyncio.create_task(self._run(run), name=f"tuning job {job.name}")
        self._tasks[job.name] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.name))
        return run

    async def _run(self, run: _Run) -> None:
        """From acceptance to the end, whatever it is; nothing but a cancellation comes out."""
        try:
            await self._work(run)
        except Exception as error:  # noqa: BLE001  # a task's edge: the job must end, come what may
            _log.exception("Tuning job %s met an error of ours.", run.job.name)
            reason = f"InternalServerError: We encountered an internal error: {error!r}"
            await self._record(run, end(run.job, "Failed", clock.epoch_ms(), reason))
        finally:
            del self._runs[run.job.name]
            run.over.set()

    async def _work(self, run: _Run) -> None:
        """Keep as many trials running as may, until there are enough of them."""
        left = [trial for trial in run.trials.values() if not trial.is_over]
        following = {asyncio.create_task(self._follow(run, trial)) for trial in left}
        halted = asyncio.create_task(_set(run.halt))
        stopping = False
        try:
            while True:
                while len(following) < run.job.order.most_parallel and self._wants_more(run):
                    trial = await self._next_trial(run)
                    following.add(asyncio.create_task(self._follow(run, trial)))
                if not following:
                    break
                waited = following if run.halt.is_set() else {*following, halted}
                timeout_s = None if stopping else self._seconds_left(run)
                done, _ = await asyncio.wait(
                    waited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
                )
                following -= done
                for task in done:
                    task.result()
                is_late = self._seconds_left(run) == 0
                if not stopping and (run.halt.is_set() or is_late or self._is_won(run)):
                    stopping = True
                    await self._stop_trials(run)
        finally:
            for task in (*following, halted):
                task.cancel()
            await asyncio.wait((*following, halted))
        await self._finish(run)

    async def _finish(self, run: _Run) -> None:
        now = clock.epoch_ms()
        if run.halt.is_set():
            await self._record(run, end(run.job, "Stopped", now))
        elif best_of(run.job.order, list(run.trials.values())) is None:
            await self._record(run, end(run.job, "Failed", now, _ALL_FAILED))
        else:
            await self._record(run, end(run.job, "Completed", now))

    def _wants_more(self, run: _Run) -> bool:
        order, count = run.job.order, len(run.trials)
        if run.halt.is_set() or self._seconds_left(run) == 0 or self._is_won(run):
            return False
        most = order.most_jobs
        if order.strategy == "Grid":
            most = min(most, sum(grid_size(one.ranges) for one in order.definitions))
        return count < most and not self._is_stale(run)

    def _seconds_left(self, run: _Run) -> float | None:
        """Until the job's time is over; None if it has no limit."""
        limit = run.job.order.max_runtime_s
        if limit is None:
            return None
        return max(0.0, limit - (clock.epoch_ms() - run.job.created_ms) / 1000)

    def _is_won(self, run: _Run) -> bool:
        """Whether the objective that was aimed at is reached."""
        order = run.job.order
        best = best_of(order, list(run.trials.values()))
        if order.target is None or best is None or best.objective is None:
            return False
        if order.definitions[best.definition].maximize:
            return best.objective >= order.target
        return best.objective <= order.target

    def _is_stale(self, run: _Run) -> bool:
        """Whether so many trials since the best one were no better."""
        order = run.job.order
        best = best_of(order, list(run.trials.values()))
        if order.patience is None or best is None:
            return False
        return (
            sum(t.is_over for t in run.trials.values() if t.number > best.number) >= order.patience
        )

    async def _stop_trials(self, run: _Run) -> None:
        for trial in run.trials.values():
            if not trial.is_over:
                await self._trainer.stop(trial.name)

    # A trial

    async def _next_trial(self, run: _Run) -> Trial:
        """Choose values and store the trial; its training job begins when it is followed."""
        order, number = run.job.order, len(run.trials) + 1
        place = (number - 1) % len(order.definitions)
        values = await asyncio.to_thread(self._suggest, run, number, place)
        trial = Trial(
            number,
            f"{order.name}-{number:03d}-{uuid4().hex[:8]}",
            place,
            values,
            clock.epoch_ms(),
        )
        await self._store_trial(run, trial)
        return trial

    def _suggest(self, run: _Run, number: int, place: int) -> dict[str, str]:
        order = run.job.order
        definition = order.definitions[place]
        tried = [
            Tried(trial.values, _merit(definition, trial))
            for trial in (*run.parents, *run.trials.values())
            if trial.definition == place and (trial.objective is not None or not trial.is_over)
        ]
        in_definition = (number - 1) // len(order.definitions) + 1
        search = search_for(order.strategy)
        return search(definition.ranges, tried, order.seed + place, in_definition)

    async def _follow(self, run: _Run, trial: Trial) -> None:
        """Watch a trial to its end, and end it early where the others do better."""
        definition = run.job.order.definitions[trial.definition]
        if self._trainer.read(trial.name) is None:
            try:
                await self._trainer.start(_request(run.job.order, definition, trial))
            except Rejected as refused:
                now = clock.epoch_ms()
                failed = replace(trial, status="Failed", failure=refused.message, ended_ms=now)
                await self._store_trial(run, failed)
                return
        if run.halt.is_set():
            await self._trainer.stop(trial.name)
        since = 0
        while True:
            seen, before = self._trainer.read(trial.name), len(trial.reached)
            trial = await self._note(run, trial, definition, seen)
            if trial.is_over:
                return
            if not trial.cut_short and self._is_hopeless(run, trial, definition, before):
                trial = replace(trial, cut_short=True)
                await self._store_trial(run, trial)
                await self._trainer.stop(trial.name)
            await self._trainer.changed(trial.name, since, _LOOK_S)
            if (count := self._trainer.news(trial.name)) == since:
                await asyncio.sleep(_PAUSE_S)  # nobody runs it any more, or nothing happens
            since = count

    async def _note(
        self, run: _Run, trial: Trial, definition: Definition, seen: Seen | None
    ) -> Trial:
        """Write down what has become of a trial, if anything has."""
        if seen is None:  # deleted, or never begun
            noted = replace(trial, status="Failed", failure="The training job is not there.")
        else:
            reached = tuple(self._trainer.values(trial.name, definition.metric))
            is_over = seen.status in ("Completed", "Failed", "Stopped")
            noted = replace(
                trial,
                status=seen.status,
                reached=reached,
                objective=seen.final.get(definition.metric) if is_over else None,
                started_ms=seen.started_ms,
                ended_ms=seen.ended_ms,
                failure=seen.failure,
            )
        if noted != trial:
            await self._store_trial(run, noted)
        return noted

    def _is_hopeless(self, run: _Run, trial: Trial, definition: Definition, before: int) -> bool:
        """Whether others have done better by now; ``before`` epochs were looked at already."""
        order = run.job.order
        sign = 1 if definition.maximize else -1
        mine = [sign * value for value in trial.reached]
        others = [
            (one, [sign * value for value in one.reached])
            for one in run.trials.values()
            if one.number != trial.number and one.definition == trial.definition
        ]
        if order.resource is not None:
            _, least, most = order.resource
            count = brackets(least, most)
            bracket = trial.number % count
            rivals = [reached for one, reached in others if one.number % count == bracket]
            return is_cut(mine, before, rivals, rungs(least, most, bracket))
        if not order.early_stopping:
            return False
        return is_below_median(mine, [reached for one, reached in others if one.is_over])

    # Records

    async def _record(self, run: _Run, job: TuningJob) -> None:
        """Let this be the state of the job."""
        run.job = job
        writes: list[Write] = [Put(_JOB, job.name, to_row(job))]
        if job.is_over:
            writes.append(Delete(_OPEN, job.name))
        await commit_async(self._records, *writes)
        run.news.ring()
        if job.is_over:
            run.over.set()

    async def _store_trial(self, run: _Run, trial: Trial) -> None:
        run.trials[trial.number] = trial
        key = f"{run.job.name}/{trial.number:05d}"
        await commit_async(self._records, Put(_TRIAL, key, to_row(trial)))
        run.news.ring()


async def _set(event: asyncio.Event) -> None:
    await event.wait()


def _merit(definition: Definition, trial: Trial) -> float | None:
    """How good a trial was, larger is better; None while that is not known."""
    if trial.objective is None:
        return None
    return trial.objective if definition.maximize else -trial.objective


def _request(order: Order, definition: Definition, trial: Trial) -> dict[str, object]:
    """CreateTrainingJob's parameters."""
    values = {**definition.static, **trial.values}
    if order.resource is not None:
        values[order.resource[0]] = str(order.resource[2])
    return {
        **definition.request,
        "TrainingJobName": trial.name,
        "HyperParameters": values,
    }

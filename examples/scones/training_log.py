"""Following a training job through its log, while it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from botocore.client import BaseClient
from botocore.exceptions import ClientError


class JobLog:
    """Reads the lines that a training job has logged since the last time."""

    GROUP = "/aws/sagemaker/TrainingJobs"

    def __init__(self, logs: BaseClient, job: str) -> None:
        self.logs, self.job, self.tokens = logs, job, {}

    @staticmethod
    def bare(line: str) -> str:
        """Return a line without its date and thread, and with tabs in place of their escapes."""
        return re.sub(r"^\[\d\d/\d\d/\d{4} [^\]]*\] ", "", line).replace("#011", "\t")

    def read(self) -> list[str]:
        return [line for stream in self.streams() for line in self.read_stream(stream)]

    def streams(self) -> list[str]:
        try:
            answer = self.logs.describe_log_streams(
                logGroupName=self.GROUP, logStreamNamePrefix=f"{self.job}/"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return []  # the first job of an account makes the group
        return [stream["logStreamName"] for stream in answer["logStreams"]]

    def read_stream(self, stream: str) -> Iterator[str]:
        while True:
            token = self.tokens.get(stream)
            answer = self.logs.get_log_events(
                logGroupName=self.GROUP,
                logStreamName=stream,
                startFromHead=True,
                **({"nextToken": token} if token else {}),
            )
            yield from (event["message"].rstrip() for event in answer["events"])
            self.tokens[stream] = answer["nextForwardToken"]
            if answer["nextForwardToken"] == token:  # the same token again: nothing newer yet
                return


class TrainingProgress:
    """Finds out from the log how far the training is."""

    EPOCHS = re.compile(r"\bepochs: (\d+)")
    VALIDATED = re.compile(r"Epoch\[(\d+)\] Validation-accuracy=([0-9.]+)")

    def __init__(self) -> None:
        self.epochs = 0

    def see(self, line: str) -> tuple[float, str] | None:
        """Return the share that is done and what to say of it, if this line tells."""
        if announced := self.EPOCHS.search(line):
            self.epochs = int(announced[1])
        validated = self.VALIDATED.search(line)
        if not validated or not self.epochs:
            return None
        epoch, accuracy = int(validated[1]) + 1, float(validated[2])
        text = f"epoch {epoch} of {self.epochs}, validation accuracy {accuracy:.3f}"
        return min(1, epoch / self.epochs), text

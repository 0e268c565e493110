"""The limits of the jobs of a child process, and the words in which a job beyond them is refused."""

from __future__ import annotations

from dataclasses import dataclass

from echorator.errors import EchoratorError, InvalidRequestError

LONGEST_WAITING = 1024  # jobs in the queue of one lane


@dataclass(frozen=True)
class Bounds:
    """The limits of one job. Times are seconds, sizes bytes."""

    job_s: float = 2.0  # CPU time of a job; see `ChildProcess.ask`
    byte_s: float = 0.0  # additional CPU time for each byte of the job
    gentle_s: float = 0.1  # CPU time after which the child runs at the lowest priority
    nice: int = 0  # priority of the process from its start, see setpriority(2): how far it gives way to others
    wait_s: float = 30.0  # longest time that a job waits in the queue
    start_s: float = 30.0  # time for the process to start and to import what it needs
    memory_bytes: int = 512 << 20  # address space beyond what the started child has mapped
    output_bytes: int = 40 << 20  # largest reply


@dataclass(frozen=True)
class Words:
    """The words of a refusal: `subject` is what runs in the child, such as "the chat template of the model"; `advice` tells what to do."""

    subject: str
    advice: str
    refusal: type[EchoratorError] = InvalidRequestError

    def refuse(self, what: str) -> EchoratorError:
        """Return the error of a job; `what` is the predicate of the sentence, such as "takes too long"."""
        return self.refusal(f"{self.subject} {what}; {self.advice}")

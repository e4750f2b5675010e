"""The tree of errors: whose fault it was.

    ExoError
    ├── UserError            the caller's: what was asked for is wrong, nothing was changed
    │   ├── InvalidValue         a field holds what it must not (also a ValueError)
    │   ├── NotListed            a symbol that is not on the whitelist
    │   ├── UnknownExecution     an execution to be taken back that is not here
    │   ├── WrongThread          the dispatcher was asked from a thread that is not its loop's
    │   └── OrderError           an order id or instruction that cannot be accepted
    │       ├── UnknownOrder         no such order, or it has ended
    │       ├── DuplicateOrder       the order id is taken
    │       ├── IdentityChanged      side, symbol or type differ from the order's own
    │       ├── InstructionRefused   the order cannot take this instruction now
    │       └── MailboxFull          too many facts wait for this order
    ├── DelegateError        the delegate's: its own order fails, nothing else does
    │   ├── FactoryFailed        the factory raised or gave something that is no delegate
    │   ├── NonsenseAnswer       act answered neither DONE nor None
    │   ├── DoneTooSoon          act answered DONE while a child order may still trade
    │   └── NoVenue              a child order was asked for where there is no venue
    ├── NotRunning           the dispatcher was used before it started or after it stopped
    └── OutOfNames           this run has no ClOrdID left to give

Each error keeps what happened in fields and computes its sentence from them.
"""

from __future__ import annotations


class ExoError(Exception):
    """Anything exo raises on purpose."""


class UserError(ExoError):
    """The caller asked for something wrong; nothing was changed."""


class InvalidValue(UserError, ValueError):
    """A value that must not enter: `where` is its place (`$.orderQty`), `problem` what is wrong with it."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where = where
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.problem} at {self.where}"


class NotListed(UserError):
    """A symbol that is not on the whitelist was traded."""

    def __init__(self, symbol: str) -> None:
        super().__init__(symbol)
        self.symbol = symbol

    def __str__(self) -> str:
        return f"{self.symbol} is not listed: add its Listing to the whitelist, or do not trade it"


class UnknownExecution(UserError):
    """A bust or correction of an execution that a book does not have, or no longer."""

    def __init__(self, symbol: str, exec_id: str) -> None:
        super().__init__(symbol, exec_id)
        self.symbol = symbol
        self.exec_id = exec_id

    def __str__(self) -> str:
        return f"execution {self.exec_id} of {self.symbol} is not here: it was never told, or too many came after it"


class OrderError(UserError):
    """An order id or instruction that cannot be accepted."""

    def __init__(self, order_id: str) -> None:
        super().__init__(order_id)
        self.order_id = order_id


class UnknownOrder(OrderError):
    """There is no such order, or it has ended."""

    def __str__(self) -> str:
        return f"order {self.order_id} is not here: it was never submitted or has ended"


class DuplicateOrder(OrderError):
    """The order id belongs to an order that lives or ended not long ago."""

    def __str__(self) -> str:
        return f"order id {self.order_id} is taken: give another, or none to have one assigned"


class IdentityChanged(OrderError):
    """A replace that disagrees with its order's identity (contract C1)."""

    def __init__(self, order_id: str, field: str, is_: object, asked: object) -> None:
        super().__init__(order_id)
        self.args = (order_id, field, is_, asked)
        self.field = field
        self.is_ = is_
        self.asked = asked

    def __str__(self) -> str:
        return (
            f"the {self.field} of order {self.order_id} is {self.is_} and cannot become {self.asked}: "
            f"cancel it and submit a new order"
        )


class InstructionRefused(OrderError):
    """The order cannot take this instruction in the state it is in."""

    def __init__(self, order_id: str, instruction: str, because: str) -> None:
        super().__init__(order_id)
        self.args = (order_id, instruction, because)
        self.instruction = instruction
        self.because = because

    def __str__(self) -> str:
        return f"cannot {self.instruction} order {self.order_id}: {self.because}"


class MailboxFull(OrderError):
    """The order has as many undelivered facts as it may have (contract C11)."""

    def __init__(self, order_id: str, limit: int) -> None:
        super().__init__(order_id)
        self.args = (order_id, limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"order {self.order_id} has {self.limit} undelivered facts: its delegate does not keep up"


class DelegateError(ExoError):
    """The delegate's fault: its own order fails and nothing else."""


class FactoryFailed(DelegateError):
    """The factory gave no delegate for an order; the cause is attached and the order was not admitted."""

    def __init__(self, order_id: str, problem: str) -> None:
        super().__init__(order_id, problem)
        self.order_id = order_id
        self.problem = problem

    def __str__(self) -> str:
        return f"no delegate for order {self.order_id}: {self.problem}"


class NonsenseAnswer(DelegateError):
    """`act` answered something that is neither DONE nor None."""

    def __init__(self, delegate: object, answer: object) -> None:
        super().__init__(delegate, answer)
        self.delegate = type(delegate).__qualname__
        self.answer = answer

    def __str__(self) -> str:
        try:
            answer = f"{self.answer!r:.80}"
        except Exception:  # its repr is the user's code
            answer = f"a {type(self.answer).__name__}"
        return f"{self.delegate}.act answered {answer}: it must return exo.DONE or None"


class DoneTooSoon(DelegateError):
    """`act` answered DONE while a child order is live or in doubt (contract C8)."""

    def __init__(self, delegate: object, cl_ord_id: str) -> None:
        super().__init__(delegate, cl_ord_id)
        self.delegate = type(delegate).__qualname__
        self.cl_ord_id = cl_ord_id

    def __str__(self) -> str:
        return (
            f"{self.delegate}.act answered DONE while child order {self.cl_ord_id} may still trade: "
            f"cancel it and wait until desk.finished"
        )


class NoVenue(DelegateError):
    """A delegate wants to work its order, and the dispatcher was given no venue that takes orders."""

    def __init__(self, order_id: str) -> None:
        super().__init__(order_id)
        self.order_id = order_id

    def __str__(self) -> str:
        return f"order {self.order_id} cannot be worked: give the Dispatcher a venue that takes orders"


class NotRunning(ExoError):
    """The dispatcher was used outside its `async with` block."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"cannot {self.what}: the dispatcher runs only inside its `async with` block"


class OutOfNames(ExoError):
    """This run has given as many ClOrdIDs as it can tell apart."""

    def __init__(self, order_id: str, given: int) -> None:
        super().__init__(order_id, given)
        self.order_id = order_id
        self.given = given

    def __str__(self) -> str:
        return f"no name for a request of order {self.order_id}: {self.given} were given, restart to have new ones"


class WrongThread(UserError):
    """The dispatcher was asked something from a thread that is not its loop's."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"cannot {self.what} from this thread: have the loop do it, with loop.call_soon_threadsafe"

"""The ledger: all that moves money, and nothing that knows HTTP.

Double entry over `wallet:<account>:available`, `wallet:<account>:escrow`, `revenue`, `operator_loss` and `cash_in`.
Signed amounts: credit +, debit -; every transfer sums to zero. So, at any moment,

    available + escrow + revenue + operator_loss + cash_in = 0      (operator_loss and cash_in are debits, thus
    negative)

which is invariant I1: available + Σ escrow + (revenue - loss borne by the operator) = deposits - withdrawals.
"""

from tollway.ledger.check import Finding, check_invariants
from tollway.ledger.leases import Grant, close_epoch, grant_lease, note_held, return_leases, take_recalls
from tollway.ledger.rows import SettleRow
from tollway.ledger.settle import settle_batch
from tollway.ledger.transfers import deposit, open_wallet, withdraw
from tollway.ledger.wallet import WalletState, ask_back, wallet_state, wallet_states

__all__ = [
    "Finding",
    "Grant",
    "SettleRow",
    "WalletState",
    "ask_back",
    "check_invariants",
    "close_epoch",
    "deposit",
    "grant_lease",
    "note_held",
    "open_wallet",
    "return_leases",
    "settle_batch",
    "take_recalls",
    "wallet_state",
    "wallet_states",
    "withdraw",
]

"""What pages, gates and tests ask the ledger."""

from django.db.models import Sum

from crossbill.platform.ledger.models import GeneralLedgerAccount, JournalEntry, Posting


def trial_balance(carrier_id: int) -> list[dict[str, object]]:
    """The sum of each general-ledger account by currency; all sums of a currency add up to zero."""
    postings = Posting.objects.filter(entry__carrier_id=carrier_id)
    sums = postings.values("gl_account", "currency").annotate(amount_minor=Sum("amount_minor"))
    names = dict(GeneralLedgerAccount.choices)
    return [
        {
            "gl_account": row["gl_account"],
            "name": names[row["gl_account"]],
            "currency": row["currency"],
            "amount_minor": int(row["amount_minor"]),
        }
        for row in sums.order_by("currency", "gl_account")
    ]


def unbalanced_entries(carrier_id: int) -> int:
    """How many entries do not balance in some currency: always 0, and checked all the same."""
    entries = JournalEntry.objects.filter(carrier_id=carrier_id)
    sums = entries.values("id", "postings__currency").annotate(total=Sum("postings__amount_minor"))
    return sums.exclude(total=0).exclude(total__isnull=True).count()

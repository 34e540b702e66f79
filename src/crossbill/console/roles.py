"""The three roles of the console and what each may do."""

READ = (
    "runs",
    "customer",
    "product",
    "ledger",
    "billing",
    "migration",
    "reconciliation",
    "programme",
)

VIEWER, OPERATOR, APPROVER = "viewer", "operator", "approver"

# Role -> permissions beside those to read, as ``application.codename``.
ROLES: dict[str, tuple[str, ...]] = {
    VIEWER: (),
    OPERATOR: (
        "runs.resume_run",
        "product.add_catalogueversion",
        "product.add_productchange",
        "customer.add_accountchange",
        "billing.add_whatif",
        "reconciliation.accept_finding",
        "reconciliation.add_comment",
    ),
    APPROVER: (
        "reconciliation.sign_gate",
        "reconciliation.add_comment",
        "product.publish_catalogueversion",
    ),
}

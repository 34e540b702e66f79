"""The catalogue (offerings, prices, tax rates) and the products that customers hold."""

from django.conf import settings
from django.db import models

from crossbill.platform.customer.models import BillingAccount, Carrier
from crossbill.platform.product.changes import Kind


class ProductOffering(models.Model):
    """Something the carrier sells."""

    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT)
    code = models.CharField(max_length=60)
    name = models.CharField(max_length=200)

    class Meta:
        ordering = ["carrier", "code"]
        constraints = [
            models.UniqueConstraint(fields=["carrier", "code"], name="offering_once_per_carrier")
        ]

    def __str__(self) -> str:
        return self.name


class ProductOfferingPrice(models.Model):
    """The monthly price of an offering, effective-dated. Published once, never changed."""

    offering = models.ForeignKey(ProductOffering, on_delete=models.PROTECT, related_name="prices")
    price_version = models.CharField(max_length=40)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="First day no longer valid")
    currency = models.CharField(max_length=3)
    amount_nanos = models.BigIntegerField(help_text="1e-9 of the currency's major unit, per month")

    class Meta:
        ordering = ["offering", "valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["offering", "currency", "valid_from"], name="price_once_per_day"
            ),
            models.CheckConstraint(
                name="price_period_is_not_empty",
                condition=models.Q(valid_to__isnull=True)
                | models.Q(valid_to__gt=models.F("valid_from")),
            ),
            models.CheckConstraint(
                name="price_is_not_negative", condition=models.Q(amount_nanos__gte=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.offering_id} {self.price_version}"


class TaxRate(models.Model):
    """The rate of one jurisdiction, effective-dated. Published once, never changed."""

    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT)
    tax_code = models.CharField(max_length=20)
    name = models.CharField(max_length=100)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    rate_ppm = models.BigIntegerField(help_text="Millionths of the net amount")

    class Meta:
        ordering = ["carrier", "tax_code", "valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "tax_code", "valid_from"], name="tax_rate_once_per_day"
            ),
            models.CheckConstraint(
                name="tax_rate_is_a_share", condition=models.Q(rate_ppm__range=(0, 1_000_000))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tax_code} {self.rate_ppm}"


class Product(models.Model):
    """What a customer holds, from a start date, perhaps at a price of the customer's own."""

    id = models.UUIDField(primary_key=True)
    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT, db_index=False)
    product_key = models.CharField(max_length=60)
    account = models.ForeignKey(BillingAccount, on_delete=models.PROTECT, related_name="products")
    offering = models.ForeignKey(ProductOffering, on_delete=models.PROTECT, related_name="products")
    source_code = models.CharField(  # noqa: DJ001 - none where it was never in an old system
        max_length=60, null=True, blank=True, help_text="Its code in the old system"
    )
    quantity = models.BigIntegerField()
    start_date = models.DateField()
    end_date = models.DateField(null=True, blank=True, help_text="First day no longer charged")
    price_override_nanos = models.BigIntegerField(null=True, blank=True)
    price_override_code = models.CharField(  # noqa: DJ001 - none where there is only one price
        max_length=121, null=True, blank=True, help_text="Instead of which price it is"
    )
    discount_ppm = models.BigIntegerField(null=True, blank=True)
    discount_end_date = models.DateField(null=True, blank=True)
    contract_end_date = models.DateField(null=True, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["carrier", "product_key"]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "product_key"], name="product_once_per_carrier"
            ),
            models.CheckConstraint(
                name="product_quantity_is_positive", condition=models.Q(quantity__gt=0)
            ),
            models.CheckConstraint(
                name="product_price_is_not_negative",
                condition=models.Q(price_override_nanos__isnull=True)
                | models.Q(price_override_nanos__gte=0),
            ),
            models.CheckConstraint(
                name="product_own_price_names_its_price",
                condition=models.Q(price_override_code__isnull=True)
                | models.Q(price_override_nanos__isnull=False),
            ),
            models.CheckConstraint(
                name="product_ends_after_it_starts",
                condition=models.Q(end_date__isnull=True)
                | models.Q(end_date__gte=models.F("start_date")),
            ),
        ]

    def __str__(self) -> str:
        return self.product_key


class Feature(models.Model):
    """What a service can do or must not do, beyond what it is charged for."""

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="features")
    feature_code = models.CharField(max_length=40)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="First day no longer")

    class Meta:
        ordering = ["product", "feature_code", "valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "feature_code", "valid_from"], name="feature_begins_once_a_day"
            ),
            models.CheckConstraint(
                name="feature_ends_after_it_starts",
                condition=models.Q(valid_to__isnull=True)
                | models.Q(valid_to__gte=models.F("valid_from")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} {self.feature_code}"


class ProductChange(models.Model):
    """A change of what somebody holds, as it was made: by whom, why, from which day. Append-only.

    Products with their starts and ends and these are the timeline of an account.
    """

    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in Kind])
    effective_date = models.DateField(help_text="First day on which it holds")
    made_at = models.DateTimeField(auto_now_add=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True)
    before = models.JSONField(null=True, blank=True, help_text="The product as it was held")
    after = models.JSONField(null=True, blank=True, help_text="What is held from the day")
    resulting_product = models.ForeignKey(
        Product,
        on_delete=models.PROTECT,
        related_name="came_from",
        null=True,
        blank=True,
        help_text="What it became; none where nothing is held any more",
    )

    class Meta:
        ordering = ["carrier", "id"]
        constraints = [
            models.CheckConstraint(
                name="change_kind_is_known",
                condition=models.Q(kind__in=[kind.value for kind in Kind]),
            ),
            models.CheckConstraint(
                name="change_has_its_product",
                condition=models.Q(
                    kind__in=[Kind.SUSPEND.value, Kind.CANCEL.value],
                    resulting_product__isnull=True,
                )
                | models.Q(resulting_product__isnull=False)
                & ~models.Q(kind__in=[Kind.SUSPEND.value, Kind.CANCEL.value]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.effective_date}"


class ServiceIdentifier(models.Model):
    """What a service is reached by, such as a phone number, and whose it is from when to when."""

    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT)
    identifier = models.CharField(max_length=120)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="identifiers")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="First day no longer held")

    class Meta:
        ordering = ["carrier", "identifier", "valid_from", "id"]
        indexes = [models.Index(fields=["carrier", "identifier"], name="identifier_by_carrier")]
        constraints = [
            models.CheckConstraint(
                name="identifier_ends_after_it_starts",
                condition=models.Q(valid_to__isnull=True)
                | models.Q(valid_to__gte=models.F("valid_from")),
            ),
            models.CheckConstraint(
                name="identifier_is_not_blank", condition=~models.Q(identifier="")
            ),
        ]

    def __str__(self) -> str:
        return self.identifier


class CatalogueVersion(models.Model):
    """A catalogue of products as it was written: loaded by one person, published by another.

    One that a change-over takes over with its accounts has neither: those who sign its gates do.
    """

    class Status(models.TextChoices):
        """How far it has come; there is no way back."""

        DRAFT = "draft"
        PUBLISHED = "published"
        RETIRED = "retired"

    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT)
    name = models.CharField(max_length=60, help_text="As the catalogue calls itself")
    number = models.IntegerField(help_text="1, 2, ... of the carrier's catalogue of this name")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    valid_from = models.DateField(help_text="First day that is billed by it")
    content = models.TextField(help_text="The YAML text, at most 16 MB")
    sha256 = models.CharField(max_length=64, help_text="Of the text in UTF-8")
    effect = models.JSONField(
        null=True, blank=True, help_text="What it did to everybody's bills when it was loaded"
    )
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    drafted_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["carrier", "name", "-number"]
        permissions = [("publish_catalogueversion", "Can publish a version of a catalogue")]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "name", "number"], name="catalogue_number_once"
            ),
            models.CheckConstraint(
                name="catalogue_number_from_one", condition=models.Q(number__gte=1)
            ),
            models.CheckConstraint(
                name="catalogue_status_fits",
                condition=models.Q(
                    status="draft",
                    published_by__isnull=True,
                    published_at__isnull=True,
                    retired_at__isnull=True,
                )
                | models.Q(status="published", published_at__isnull=False, retired_at__isnull=True)
                | models.Q(status="retired", published_at__isnull=False, retired_at__isnull=False),
            ),
            models.CheckConstraint(
                name="catalogue_two_people_or_nobody",
                condition=models.Q(status="draft", drafted_by__isnull=False)
                | models.Q(drafted_by__isnull=True, published_by__isnull=True)
                | models.Q(drafted_by__isnull=False, published_by__isnull=False)
                & ~models.Q(published_by=models.F("drafted_by")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.number}"

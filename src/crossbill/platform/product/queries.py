"""What the data plane and the pages ask about the catalogue."""

from crossbill.platform.product.models import ProductOffering


def offering_ids(carrier_id: int) -> dict[str, int]:
    """The database identity of each offering by its code."""
    offerings = ProductOffering.objects.filter(carrier_id=carrier_id)
    return dict(offerings.values_list("code", "id"))


def offering_names(carrier_id: int) -> dict[str, str]:
    """The name of each offering by its code."""
    offerings = ProductOffering.objects.filter(carrier_id=carrier_id)
    return dict(offerings.values_list("code", "name"))

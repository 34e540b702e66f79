"""What the data plane and the pages ask about the catalogue."""

from crossbill.platform.product.models import Product, ProductOffering


def offering_ids(carrier_id: int) -> dict[str, int]:
    """The database identity of each offering by its code."""
    offerings = ProductOffering.objects.filter(carrier_id=carrier_id)
    return dict(offerings.values_list("code", "id"))


def offering_names(carrier_id: int) -> dict[str, str]:
    """The name of each offering by its code."""
    offerings = ProductOffering.objects.filter(carrier_id=carrier_id)
    return dict(offerings.values_list("code", "name"))


def offering_of_product(carrier_id: int, product_key: str) -> str | None:
    """The code of what a product was sold as."""
    products = Product.objects.filter(carrier_id=carrier_id, product_key=product_key)
    return products.values_list("offering__code", flat=True).first()

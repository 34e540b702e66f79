"""Who may open a page: nobody without signing in, and then only with the page's permission."""

from collections.abc import Callable

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods, require_POST, require_safe

View = Callable[..., HttpResponseBase]


def page(permission: str) -> Callable[[View], View]:
    """A page to read: sign-in first, 403 without the permission, and only GET and HEAD."""

    def guard(view: View) -> View:
        return require_safe(_allowed(permission, view))

    return guard


def action(permission: str) -> Callable[[View], View]:
    """A button: as a page, but only POST."""

    def guard(view: View) -> View:
        return require_POST(_allowed(permission, view))

    return guard


def form(permission: str) -> Callable[[View], View]:
    """A page with a form: GET shows it, POST to the same address sends it."""

    def guard(view: View) -> View:
        return require_http_methods(["GET", "HEAD", "POST"])(_allowed(permission, view))

    return guard


def _allowed(permission: str, view: View) -> View:
    return login_required(permission_required(permission, raise_exception=True)(view))

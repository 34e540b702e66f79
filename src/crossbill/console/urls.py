"""The console's addresses."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from crossbill.console import (
    views_accounts,
    views_bill,
    views_catalogue,
    views_changes,
    views_concessions,
    views_controls,
    views_differences,
    views_findings,
    views_health,
    views_overview,
    views_price_models,
    views_rating,
    views_runs,
    views_specification,
    views_terms,
    views_trend,
    views_usage,
    views_waves,
    views_what_if,
    views_work,
)
from crossbill.console.reports import report_urlpatterns

sign_in = LoginView.as_view(template_name="console/sign_in.html", redirect_authenticated_user=True)

urlpatterns = [
    path("", views_overview.overview, name="overview"),
    path("waves/<int:wave_id>/", views_waves.wave, name="wave"),
    path("gates/<int:gate_id>/sign/", views_waves.sign, name="sign_gate"),
    path("accounts/", views_accounts.accounts, name="accounts"),
    path("accounts/<slug:carrier>/<path:account_key>/", views_accounts.account, name="account"),
    path(
        "comparison/<slug:carrier>/<path:account_key>/",
        views_accounts.account_pdf,
        name="account_pdf",
    ),
    path("bill/<slug:carrier>/<path:account_key>/", views_bill.bill, name="bill"),
    path("products/<slug:carrier>/<path:account_key>/", views_changes.products, name="products"),
    path("terms/<slug:carrier>/<path:account_key>/", views_terms.terms, name="terms"),
    path(
        "change-terms/<slug:carrier>/<path:account_key>/",
        views_terms.change_terms,
        name="change_terms",
    ),
    path(
        "concessions/<slug:carrier>/<path:account_key>/",
        views_concessions.concessions,
        name="concessions",
    ),
    path(
        "discount/<slug:carrier>/<path:account_key>/",
        views_concessions.grant_discount,
        name="grant_discount",
    ),
    path("exempt/<slug:carrier>/<path:account_key>/", views_concessions.exempt, name="exempt"),
    path(
        "payers/<slug:carrier>/<path:account_key>/", views_concessions.set_payers, name="set_payers"
    ),
    path(
        "end-discount/<slug:carrier>/<path:discount_key>/",
        views_concessions.end_discount,
        name="end_discount",
    ),
    path(
        "end-exemption/<slug:carrier>/<int:number>/",
        views_concessions.end_exemption,
        name="end_exemption",
    ),
    path("change/<slug:carrier>/<path:product_key>/", views_changes.change, name="change_product"),
    path("order/<slug:carrier>/<path:account_key>/", views_changes.order, name="order_product"),
    path("usage/<slug:carrier>/<path:account_key>/", views_usage.usage, name="usage"),
    path("events/<slug:carrier>/<path:account_key>/", views_usage.event, name="event"),
    path(
        "allowances/<slug:carrier>/<path:account_key>/", views_usage.allowances, name="allowances"
    ),
    path("rating/decks/", views_rating.decks, name="rating_decks"),
    path("rating/try/", views_rating.try_it, name="rating_try"),
    path("rating/models/", views_price_models.models, name="rating_models"),
    path("catalogue/", views_catalogue.catalogue, name="catalogue"),
    path("catalogue/versions/<int:version_id>/", views_catalogue.version, name="catalogue_version"),
    path("catalogue/versions/<int:version_id>/edit/", views_catalogue.edit, name="edit_catalogue"),
    path(
        "catalogue/versions/<int:version_id>/publish/",
        views_catalogue.publish,
        name="publish_catalogue",
    ),
    path("what-if/", views_what_if.what_ifs, name="what_ifs"),
    path("what-if/ask/<slug:carrier>/", views_what_if.ask, name="ask_what_if"),
    path("what-if/<int:what_if_id>/", views_what_if.what_if, name="what_if"),
    path(
        "what-if/<int:what_if_id>/progress/",
        views_what_if.what_if_progress,
        name="what_if_progress",
    ),
    path("what-if/<int:what_if_id>/again/", views_what_if.again, name="repeat_what_if"),
    path("differences/", views_differences.differences, name="differences"),
    path("findings/", views_findings.findings, name="findings"),
    path("findings/<int:finding_id>/", views_findings.finding, name="finding"),
    path("worklist/", views_work.work, name="work"),
    path("worklist/accept/", views_work.accept, name="accept_work"),
    path("worklist/assign/", views_work.assign, name="assign_work"),
    path("findings/<int:finding_id>/accept/", views_work.accept_finding, name="accept_finding"),
    path("findings/<int:finding_id>/comment/", views_work.comment_finding, name="comment_finding"),
    path("attachments/<int:attachment_id>/", views_work.attachment, name="attachment"),
    path("waves/<int:wave_id>/accept-again/", views_work.accept_again, name="accept_again"),
    path("waves/<int:wave_id>/preview/", views_waves.preview, name="preview_gate"),
    path("waves/<int:wave_id>/submit/", views_work.submit, name="submit_wave"),
    path("specification/<slug:carrier>/", views_specification.specification, name="specification"),
    path("trend/", views_trend.trend, name="trend"),
    path("controls/", views_controls.controls, name="controls"),
    path("controls/runs/<int:run_id>/", views_controls.control_run, name="control_run"),
    path(
        "controls/runs/<int:run_id>/accept/",
        views_controls.accept_control,
        name="accept_control",
    ),
    path("runs/", views_runs.runs, name="runs"),
    path("runs/<int:run_id>/", views_runs.run, name="run"),
    path("runs/<int:run_id>/progress/", views_runs.run_progress, name="run_progress"),
    path("runs/<int:run_id>/resume/", views_runs.resume, name="resume_run"),
    path("sign-in/", sign_in, name="sign_in"),
    path("sign-out/", LogoutView.as_view(), name="sign_out"),
    path("health/", views_health.health, name="health"),
    *report_urlpatterns,
]

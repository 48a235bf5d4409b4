"""The addresses of the project."""

from django.urls import path

from billing.views import webhook

urlpatterns = [path("hooks/billogram/", webhook)]

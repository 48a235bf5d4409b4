"""The settings of the project."""

SECRET_KEY = "only for this example"
ALLOWED_HOSTS = ["billing.example"]
INSTALLED_APPS = ["billing"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
ROOT_URLCONF = "billing.urls"
WSGI_APPLICATION = "billing.wsgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "billing.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
STATIC_URL = "static/"

BILLOGRAM_SIGN_KEY = "test-sign-key-1"  # in production from the environment

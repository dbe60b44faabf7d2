"""The paths of users."""

from __future__ import annotations

from django.urls import path

from app.users.api import views

urlpatterns = [
    path("api/v1/users/register/", views.Register.as_view()),
    path("api/v1/users/profile/", views.ProfileView.as_view()),
    path("api/v1/users/change-password/", views.ChangePassword.as_view()),
    path("api/v1/api-keys/", views.ApiKeys.as_view()),
    path("api/v1/api-keys/<uuid:key_id>/", views.ApiKeyView.as_view()),
    path("api/auth/login/", views.Login.as_view()),
    path("api/auth/refresh/", views.Refresh.as_view()),
    path("api/auth/logout/", views.Logout.as_view()),
    path("api/auth/verify/", views.Verify.as_view()),
    path(".well-known/jwks.json", views.Jwks.as_view()),
]

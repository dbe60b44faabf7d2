"""Settings per environment, chosen by ENVIRONMENT."""

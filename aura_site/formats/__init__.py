"""Dates and numbers as the pages write them, one package a language (Django's FORMAT_MODULE_PATH)."""

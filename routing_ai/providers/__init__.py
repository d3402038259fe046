"""One file a provider of models, one interface (`base.Provider`)."""

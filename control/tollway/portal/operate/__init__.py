"""The operators' pages: lists and forms over the features' services. An auditor sees them without their buttons."""

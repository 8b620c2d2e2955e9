"""The formats that are no room of their own, one module each; auditor.report.register lists them."""

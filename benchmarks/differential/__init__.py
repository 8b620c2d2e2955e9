"""Damages sound programs, lets their own loader and the auditor judge each, and counts where the two differ."""

"""Rules about kernels, by themselves and with the image whose tools will use them."""

from auditor.rules.kernel import compression, features, modprobe, settypes

__all__ = ["compression", "features", "modprobe", "settypes"]

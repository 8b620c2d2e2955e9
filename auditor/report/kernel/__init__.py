"""The report on kernels, by themselves and with the images whose tools will use them."""

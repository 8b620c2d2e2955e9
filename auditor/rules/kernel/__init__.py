"""Rules about kernels, by themselves and with the image whose tools will use them."""

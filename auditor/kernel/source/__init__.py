"""Where kernels come from: each maker is one file behind the interface in `interface`."""

"""What one image is: tools, programs, closures, packages, extensions. It knows no spec and judges nothing."""

"""What changed between two images, and whether it is worse: two reports in, one value out.

`compare` asks every area in turn; each tells its changes with an assessment and the reason for it. Layer indices
mean nothing across images and are compared through diff ids only; what one side can't know is a note, no change.
"""

"""The wire of the control plane, `/_mock`: what is ours (reference: control 1)."""

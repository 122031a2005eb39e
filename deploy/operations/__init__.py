"""pyinfra operations: read what is found, plan, carry out. One module for each thing that is provisioned."""

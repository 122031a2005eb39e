"""pyinfra operations: read what is found, plan, carry out. One module for each thing that is provisioned.

acting          what every operation is made of; how a failure stays on its host
hands           carries out steps: commands, uploads, waiting
engine_change   a change of the engine, with the way back
replacement     puts the registry's container of before in its place again
gate            between two waves
host, engine, service, network, image, directory, container, firewall, proof, tidying
placing         notes what is placed for trust, users and log-ins, and takes it away
certificate, users, trust
"""

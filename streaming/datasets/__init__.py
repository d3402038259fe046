"""Datasets: a tree of echo state networks that reads chunks of input. Pure: numbers and bytes in, numbers and bytes out.

features.py   a chunk of bytes as a vector
reservoir.py  sparse recurrent weights with a set spectral radius, from a seed
network.py    membranes as a tree of reservoirs; novelty of a chunk
readout.py    ridge regression on states, trained on a labelled stream
runs.py       an input worked through piece by piece, from any checkpoint on
events.py     results as JSON, compressed and grouped into Server-Sent Events
parameters.py what a request may ask for, with the allowed ranges
envelope.py   JSON request bodies, read as they come
pace.py       how large, how tight and how fast, from what the line shows
"""

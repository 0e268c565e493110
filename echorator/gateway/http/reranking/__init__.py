"""Reranking, in the forms of Jina, Cohere, llama-server and Text Embeddings Inference (TEI).

`bodies` declares what is taken, `translation` converts it to gRPC messages and back, `handlers` has the routes.
"""

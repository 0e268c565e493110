"""What the gateway, Envoy and xDS cost, and how far they scale. Figures are in `bench/MESH.md`."""

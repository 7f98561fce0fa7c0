# Training on an NVIDIA GPU. JAX's wheels bring CUDA; the host needs the driver and the NVIDIA container toolkit.
#   docker build -t jaxexit .
#   docker run --gpus all -v "$PWD/runs:/app/runs" jaxexit train experiments/v2_exit_guards.yaml --root runs
FROM python:3.12-slim
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY jaxexit jaxexit
RUN pip install --no-cache-dir ".[sample,cuda]"
COPY experiments experiments
ENTRYPOINT ["jaxexit"]

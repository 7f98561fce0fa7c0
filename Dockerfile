# Training on an NVIDIA GPU, and advice. JAX's wheels bring CUDA; the host needs the driver and the NVIDIA
# container toolkit. docs/deploy.md says more; requirements.lock is written by .ci/lock.
#   docker build -t jaxexit .
#   docker run --gpus all -v jaxexit-runs:/app/runs jaxexit train experiments/v2_exit_guards.yaml --root runs
#   docker run -i -v jaxexit-runs:/app/runs jaxexit advise v2_exit_guards --root runs --bars -
FROM python:3.12-slim
# A number, so that Kubernetes can see that it is not root's (runAsNonRoot).
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin trader \
    && install --directory --owner trader --group trader /app /app/runs
WORKDIR /app
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY jaxexit jaxexit
# Nothing but what the lock has: no dependencies, and the build's own tools from the lock too.
RUN pip install --no-cache-dir --no-deps --no-build-isolation --no-index .
COPY experiments experiments
USER 10001
ENV JAXEXIT_HEALTH_FILE=/tmp/jaxexit-health.json
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-m", "jaxexit.health"]
ENTRYPOINT ["jaxexit"]

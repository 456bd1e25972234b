FROM python:3.13-slim AS build
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.txt .
RUN pip install --require-hashes -r requirements.txt

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin chatjuicer \
    && install -d -o chatjuicer -g chatjuicer -m 0700 /data
COPY --from=build /venv /venv
COPY . /srv/chatjuicer
RUN ["/venv/bin/python", "-m", "compileall", "-q", "/srv/chatjuicer"]
WORKDIR /srv/chatjuicer
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 PORT=8000 DATA_DIR=/data ENV_FILE=/dev/null
USER chatjuicer
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=6 CMD ["python", "-c", "\
import os, urllib.request as web; \
host = os.environ.get('ALLOWED_HOSTS', 'localhost').split(',')[0].lstrip('.'); \
ready = web.Request('http://127.0.0.1:' + os.environ['PORT'] + '/api/health/ready', headers={'Host': host}); \
web.urlopen(ready, timeout=4)"]
CMD ["python", "manage.py", "serve"]

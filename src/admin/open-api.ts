/** The API page: `/docs` for people, `/docs-json` for programs. */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { Config } from '../config.js';
import { VERSION } from '../version.js';
import { ProblemAnswer } from './problem-responses.js';

const DESCRIPTION = `Market data distribution: bring ticks, switch symbols, watch the service.

Keys travel as \`Authorization: Bearer <key>\`: the operators' key for \`/v1/admin\`, the feed handlers' key for
\`/v1/ticks\`. Whatever goes wrong is answered as problem details (RFC 9457) with a stable \`code\`. Streams are
WebSockets, \`/v1/stream\` for clients and \`/v1/feed\` for feed handlers: docs/protocol.md describes them.`;

/** Serves the page; to be called before the application listens. */
export function openApi(app: NestFastifyApplication, config: Pick<Config, 'node'>): void {
  SwaggerModule.setup('docs', app, openApiDocument(app), {
    jsonDocumentUrl: 'docs-json',
    yamlDocumentUrl: 'docs-yaml',
    customSiteTitle: `Tickcast on ${config.node}`,
    swaggerOptions: { persistAuthorization: false, displayRequestDuration: true },
  });
}

export function openApiDocument(app: NestFastifyApplication): OpenAPIObject {
  const outline = new DocumentBuilder()
    .setTitle('Tickcast')
    .setDescription(DESCRIPTION)
    .setVersion(VERSION)
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'A key, see above.' })
    .build();
  return SwaggerModule.createDocument(app, outline, { extraModels: [ProblemAnswer] });
}

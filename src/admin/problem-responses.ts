import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiResponse } from '@nestjs/swagger';
import { PROBLEM_CONTENT_TYPE, PROBLEMS, type ProblemCode } from '../problem.js';

/** For the API page: what every answer of 400 and above looks like; further members depend on the code. */
export class ProblemAnswer {
  @ApiProperty({ example: 'urn:tickcast:problem:symbol_not_found' })
  readonly type!: string;
  @ApiProperty()
  readonly title!: string;
  @ApiProperty({ type: 'integer' })
  readonly status!: number;
  @ApiProperty({ required: false, description: 'What was found this time.' })
  readonly detail?: string;
  @ApiProperty({ description: 'Path of the request.' })
  readonly instance!: string;
  @ApiProperty({ description: 'Stable; programs decide by it.', enum: Object.keys(PROBLEMS) })
  readonly code!: ProblemCode;
}

/** Shows on the API page which problems an address may answer: one entry per status, its codes side by side. */
export function ApiProblems(...codes: readonly ProblemCode[]): MethodDecorator & ClassDecorator {
  const codesByStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) {
    const { status } = PROBLEMS[code];
    codesByStatus.set(status, [...(codesByStatus.get(status) ?? []), code]);
  }
  const responses = [...codesByStatus].map(([status, together]) =>
    ApiResponse({
      status,
      description: together.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('\n\n'),
      content: { [PROBLEM_CONTENT_TYPE]: { schema: { $ref: '#/components/schemas/ProblemAnswer' } } },
    }),
  );
  return applyDecorators(...responses);
}

; INT 13h on diskette drives A and B: 82077AA with DMA channel 2 and IRQ 6, media found by their rate.
; Spec: Intel 82077AA data sheet (290166); IBM PC AT Technical Reference, diskette BIOS (BDA fields,
; status codes, table of INT 1Eh). What IBM's does not: a transfer may go on on the other side and
; the next cylinder, and across 64 KiB.
; Not here: 80-track drives stepping twice for 40-track media, waiting for motors (this machine's
; run at once), single density.

BDA_FD_SEEK     equ 0x3e        ; bits 0, 1: drive was recalibrated; 7: IRQ 6 came
BDA_FD_MOTORS   equ 0x3f
BDA_FD_TIMEOUT  equ 0x40        ; ticks until the motors stop
BDA_FD_STATUS   equ 0x41
BDA_FD_RESULT   equ 0x42        ; 7 bytes: ST0, ST1, ST2, C, H, R, N
BDA_FD_MEDIA    equ 0x90        ; of each drive: bits 7-6 rate, 4 known, 2-0 kind
BDA_FD_TRACK    equ 0x94

FD_KNOWN        equ 0x10
FD_MOTOR_TICKS  equ 37
FD_PATIENCE     equ 37          ; ticks to wait for an interrupt

DISK_MARK       equ 0x02
DISK_CHANGED    equ 0x06
DISK_OVERRUN    equ 0x08
DISK_BOUNDARY   equ 0x09
DISK_NO_MEDIA   equ 0x0c
DISK_CRC        equ 0x10
DISK_SEEK       equ 0x40

; Bits 7-6 of the media state, and below them what the rate register takes.
RATE_500        equ 0
RATE_300        equ 1
RATE_250        equ 2
RATE_1000       equ 3

; IRQ 6: the controller has done what it was told.
int0e:
        push ax
        push ds
        mov ax, BDA_SEGMENT
        mov ds, ax
        or byte [BDA_FD_SEEK], 0x80
        mov al, 0x20
        out 0x20, al
        pop ds
        pop ax
        iret

; POST: what drives there are, from CMOS; they are left alone. DS = BIOS data area.
diskette_init:
        mov al, 0x10
        call cmos_read
        mov ah, al
        shr al, 4
        and ah, 0x0f
        mov [cs:fd_kinds], ax
        ret

; ---------------------------------------------------------------------------------- INT 13h

; AH = function, BX = drive, which there is.
diskette_service:
        mov [cs:fd_drive], bl
        cmp ah, 0x18
        ja .bad
        movzx si, ah
        add si, si
        jmp [cs:.table + si]
.bad:   mov ah, DISK_BAD_CALL
        jmp fd_done
        align 2
.table: dw fd_reset_call, fd_status, fd_read_call, fd_write_call, fd_verify_call, fd_format, .bad
        dw .bad, fd_parameters, .bad, .bad, .bad, .bad, .bad, .bad, .bad, .bad, .bad, .bad, .bad
        dw .bad, fd_type, fd_change, fd_set_type, fd_set_media

; AH = status.
fd_done:
        mov [BDA_FD_STATUS], ah
        mov [bp + F_AH], ah
        and byte [bp + F_FLAGS], ~FLAG_CF
        test ah, ah
        jz .leave
        or byte [bp + F_FLAGS], FLAG_CF
.leave: cmp byte [BDA_FD_TIMEOUT], 0
        je .still
        mov byte [BDA_FD_TIMEOUT], FD_MOTOR_TICKS
.still: SERVICE_LEAVE

fd_reset_call:
        call fd_reset
        jmp short fd_done

fd_status:
        mov ah, [BDA_FD_STATUS]
        jmp short fd_done

; AH=08h
fd_parameters:
        movzx si, byte [cs:fd_kinds + bx]
        mov dl, 2
        cmp byte [cs:fd_kinds], 1
        sbb dl, 0
        cmp byte [cs:fd_kinds + 1], 1
        sbb dl, 0
        mov [bp + F_DL], dl
        mov byte [bp + F_DH], 1
        mov ax, si
        mov [bp + F_BX], ax
        mov byte [bp + F_AL], 0
        mov byte [bp + F_CH], 79
        cmp al, 1
        jne .tracks
        mov byte [bp + F_CH], 39
.tracks:
        call fd_default_rate
        call fd_sectors
        mov [bp + F_CL], al
        call fd_table
        mov [bp + F_DI], di
        mov [bp + F_ES], cs
        xor ah, ah
        jmp fd_done

; AH=15h: a drive with change line, except those of 360 KB.
fd_type:
        mov al, 2
        cmp byte [cs:fd_kinds + bx], 1
        jne .set
        dec al
.set:   mov byte [BDA_FD_STATUS], 0
        mov [bp + F_AH], al
        and byte [bp + F_FLAGS], ~FLAG_CF
        SERVICE_LEAVE

; AH=16h: whether the diskette was changed.
fd_change:
        call fd_motor
        mov dx, 0x3f7
        in al, dx
        xor ah, ah
        test al, 0x80
        jz fd_done
        mov ah, DISK_CHANGED
        jmp fd_done

; AH=17h: the medium that will be formatted, by one of IBM's four numbers.
fd_set_type:
        movzx si, byte [bp + F_AL]
        dec si
        cmp si, 3
        ja diskette_service.bad
        mov al, [cs:.rates + si]
        call fd_know
        xor ah, ah
        jmp fd_done
.rates: db RATE_250, RATE_300, RATE_500, RATE_250

; AH=18h: the same by its last track and sectors; ES:DI = parameters for it.
fd_set_media:
        mov cl, [bp + F_CL]
        and cl, 0x3f
        mov al, RATE_1000
        cmp cl, 36
        jae .rate
        mov al, RATE_500
        cmp cl, 15
        jae .rate
        mov al, RATE_250
        cmp byte [cs:fd_kinds + bx], 2
        jne .rate
        mov al, RATE_300
.rate:  mov ah, al
        call fd_rates           ; can the drive do that?
.next:  mov al, [cs:si]
        inc si
        cmp al, ah
        je .known
        cmp al, -1
        jne .next
        mov ah, DISK_NO_MEDIA
        jmp fd_done
.known: call fd_know
        mov al, cl
        call fd_table
        mov [bp + F_DI], di
        mov [bp + F_ES], cs
        xor ah, ah
        jmp fd_done

fd_read_call:
        mov cx, 0x4666          ; DMA mode, command
        jmp short fd_transfer
fd_write_call:
        mov cx, 0x4a45
        jmp short fd_transfer
fd_verify_call:
        mov cx, 0x4266
; AH=02h-04h
fd_transfer:
        mov [cs:fd_command], cx
        movzx ax, byte [bp + F_AL]
        mov [cs:fd_left], ax
        mov byte [bp + F_AL], 0
        test ax, ax
        jz diskette_service.bad
        mov cl, [bp + F_CL]
        test cl, cl
        jz diskette_service.bad
        mov [cs:fd_sector], cl
        mov al, [bp + F_CH]
        mov [cs:fd_cylinder], al
        mov al, [bp + F_DH]
        mov [cs:fd_head], al
        call fd_buffer
        call fd_motor
        call fd_medium
        jc fd_done
.chunk: cmp word [cs:fd_left], 0
        je .done
        call fd_chunk
        jc fd_done
        mov al, [cs:fd_chunk_size]
        add [bp + F_AL], al
        jmp short .chunk
.done:  xor ah, ah
        jmp fd_done

; EAX = fd_address = the linear address of the caller's buffer.
fd_buffer:
        movzx eax, word [bp + F_ES]
        shl eax, 4
        movzx edx, word [bp + F_BX]
        add eax, edx
        mov [cs:fd_address], eax
        ret

; AH=05h: F_AL sectors with the names at ES:BX.
fd_format:
        mov word [cs:fd_command], 0x4a4d
        mov al, [bp + F_CH]
        mov [cs:fd_cylinder], al
        mov al, [bp + F_DH]
        mov [cs:fd_head], al
        call fd_motor
        call fd_noticed
        jc fd_done
        test byte [bx + BDA_FD_MEDIA], FD_KNOWN
        jnz .rate
        mov al, [cs:fd_kinds + bx]
        call fd_default_rate
        call fd_know
.rate:  call fd_rate
        call fd_buffer
        movzx ecx, byte [bp + F_AL]
        shl cx, 2
        jz diskette_service.bad
        call fd_dma
        mov ah, DISK_BOUNDARY
        jc fd_done
        call fd_seek
        jc fd_done
        call fd_begin
        mov al, 3               ; bytes per sector
        call fd_parameter_send
        mov al, [bp + F_AL]
        call fd_send
        mov al, 7               ; gap
        call fd_parameter_send
        mov al, 8               ; filler
        call fd_parameter_send
        call fd_end
        jmp fd_done

; ------------------------------------------------------------------------------------ the medium

; Rate AL for a drive of kind AL.
fd_default_rate:
        cmp al, 1
        je .slow
        cmp al, 3
        je .slow
        cmp al, 5
        mov al, RATE_500
        jb .done
        mov al, RATE_1000
        ret
.slow:  mov al, RATE_250
.done:  ret

; CS:SI = the rates that drive BX can do, ended by -1.
fd_rates:
        movzx si, byte [cs:fd_kinds + bx]
        add si, si
        mov si, [cs:.kinds + si]
        ret
        align 2
.kinds: dw .slow, .slow, .high, .slow, .small, .extra, .extra, .small
        times 8 dw .small
.extra: db RATE_1000
.small: db RATE_500
.slow:  db RATE_250, -1
.high:  db RATE_500, RATE_300, -1

; Sectors on a track, AL, at rate AL in drive BX.
fd_sectors:
        cmp al, RATE_500
        jne .other
        mov al, 18
        cmp byte [cs:fd_kinds + bx], 2
        jne .done
        mov al, 15
.done:  ret
.other: cmp al, RATE_1000
        mov al, 36
        je .done
        mov al, 9
        ret

; DI = a table of parameters for AL sectors.
fd_table:
        mov di, diskette_table
        cmp al, 18
        je .done
        mov di, diskette_tables
.next:  cmp al, [cs:di + 4]
        je .done
        add di, 11
        cmp di, diskette_tables.last
        jb .next
.done:  ret
diskette_tables:
        db 0xdf, 0x02, 0x25, 2, 9, 0x2a, 0xff, 0x50, 0xf6, 0x0f, 0x08
        db 0xdf, 0x02, 0x25, 2, 15, 0x1b, 0xff, 0x54, 0xf6, 0x0f, 0x08
.last:  db 0xaf, 0x02, 0x25, 2, 36, 0x1b, 0xff, 0x53, 0xf6, 0x0f, 0x08

; The medium in drive BX is one of rate AL.
fd_know:
        shl al, 6
        or al, FD_KNOWN | 7
        mov [bx + BDA_FD_MEDIA], al
        ret

; Tells the controller the rate of the medium.
fd_rate:
        mov al, [bx + BDA_FD_MEDIA]
        shr al, 6
        mov dx, 0x3f7
        out dx, al
        ret

; If the change line of drive BX is active: forgets the medium, and steps to reset the line.
; CF and AH if that was news to the caller, or there is no medium.
fd_noticed:
        mov dx, 0x3f7
        in al, dx
        test al, 0x80
        jz .done
        mov al, [bx + BDA_FD_MEDIA]
        mov byte [bx + BDA_FD_MEDIA], 0
        push word [cs:fd_cylinder]
        push ax
        mov ah, 1
        call fd_step
        mov ah, 0
        call fd_step
        mov dx, 0x3f7
        in al, dx
        pop dx
        pop word [cs:fd_cylinder]
        mov ah, DISK_TIMEOUT
        test al, 0x80
        jnz .bad
        mov ah, DISK_CHANGED
        test dl, FD_KNOWN
        jnz .bad
.done:  clc
        ret
.bad:   stc
        ret

; Seek of drive BX to cylinder AH.
fd_step:
        mov byte [cs:fd_head], 0
        mov [cs:fd_cylinder], ah
        jmp fd_seek

; Finds out what kind of medium drive BX holds, unless that is known. CF and AH if nothing is there.
fd_medium:
        push word [cs:fd_cylinder]
        push word [cs:fd_command]
        call fd_noticed
        jc .out
        test byte [bx + BDA_FD_MEDIA], FD_KNOWN
        jnz .known
        mov ah, 0
        call fd_step
        jc .out
        call fd_rates
.next:  mov al, [cs:si]
        inc si
        mov ah, DISK_NO_MEDIA
        cmp al, -1
        je .none
        push si
        call fd_know
        call fd_rate
        mov byte [cs:fd_command], 0x4a  ; READ ID
        call fd_begin
        call fd_end
        pop si
        jc .next
.known: call fd_rate
        clc
.out:   pop word [cs:fd_command]
        pop word [cs:fd_cylinder]
        ret
.none:  mov byte [bx + BDA_FD_MEDIA], 0
        stc
        jmp short .out

; --------------------------------------------------------------------------------- the controller

; As many sectors at fd_cylinder, fd_head, fd_sector as one command can move. CF and AH on an error.
fd_chunk:
        mov al, [bx + BDA_FD_MEDIA]
        shr al, 6
        call fd_sectors
        cmp al, 18              ; programs that use more sectors say so
        jb .sectors
        mov ah, al
        mov al, 4
        call fd_parameter
        cmp al, ah
        jae .sectors
        mov al, ah
.sectors:
        mov [cs:fd_track_size], al
        movzx ecx, al
        movzx dx, byte [cs:fd_sector]
        inc cx
        sub cx, dx
        jbe .all                ; beyond: let the controller say so
        cmp cx, [cs:fd_left]
        jb .room
.all:   mov cx, [cs:fd_left]
.room:  mov dx, [cs:fd_address] ; up to the next 64 KiB
        neg dx
        jz .fits
        shr dx, 9
        mov ah, DISK_BOUNDARY
        jz .failed
        cmp cx, dx
        jb .fits
        mov cx, dx
.fits:  mov [cs:fd_chunk_size], cl
        shl cx, 9
        call fd_dma
        call fd_seek
        jc .out
        call fd_begin
        mov al, [cs:fd_cylinder]
        call fd_send
        mov al, [cs:fd_head]
        call fd_send
        mov al, [cs:fd_sector]
        call fd_send
        mov al, 3
        call fd_parameter_send
        mov al, [cs:fd_sector]
        add al, [cs:fd_chunk_size]
        dec al
        call fd_send            ; the last one
        mov al, 5
        call fd_parameter_send
        mov al, 6
        call fd_parameter_send
        call fd_end
        jc .out
        movzx eax, byte [cs:fd_chunk_size]
        sub [cs:fd_left], ax
        add [cs:fd_sector], al
        shl eax, 9
        add [cs:fd_address], eax
        mov al, [cs:fd_track_size]
        cmp [cs:fd_sector], al
        jbe .done
        mov byte [cs:fd_sector], 1
        xor byte [cs:fd_head], 1
        jnz .done
        inc byte [cs:fd_cylinder]
.done:  clc
.out:   ret
.failed:
        stc
        ret

; DMA channel 2: CX bytes at fd_address in the mode of fd_command. CF if they cross 64 KiB.
fd_dma:
        dec cx
        mov dx, [cs:fd_address]
        add dx, cx
        jc .out
        mov al, 0x06
        out 0x0a, al
        out 0x0c, al
        mov al, [cs:fd_command + 1]
        out 0x0b, al
        mov eax, [cs:fd_address]
        out 0x04, al
        mov al, ah
        out 0x04, al
        shr eax, 16
        out 0x81, al
        mov al, cl
        out 0x05, al
        mov al, ch
        out 0x05, al
        mov al, 0x02
        out 0x0a, al
        clc
.out:   ret

; The motor of drive BX runs, and the drive is selected.
fd_motor:
        in al, 0x21
        and al, 0xbf
        out 0x21, al
        mov byte [BDA_FD_TIMEOUT], 0xff
        mov cl, bl
        mov al, 1
        shl al, cl
        or [BDA_FD_MOTORS], al
        call fd_output
        or al, 0x04
        mov dx, 0x3f2
        out dx, al
        ret

; AL = the digital output register with the reset bit clear.
fd_output:
        mov al, [BDA_FD_MOTORS]
        shl al, 4
        or al, 0x08
        or al, [cs:fd_drive]
        ret

; Resets the controller. AH = status.
fd_reset:
        and byte [BDA_FD_SEEK], 0x7c
        call fd_motor
        and al, ~0x04
        cli
        out dx, al
        and byte [BDA_FD_SEEK], 0x7f
        or al, 0x04
        out dx, al
        sti
        call fd_wait
        jc .out
        mov cl, 4
.sense: mov al, 0x08            ; SENSE INTERRUPT STATUS, for each drive
        call fd_send
        call fd_results
        dec cl
        jnz .sense
        mov al, 0x03            ; SPECIFY
        call fd_send
        mov al, 0
        call fd_parameter_send
        mov al, 1
        call fd_parameter_send
        xor ah, ah
.out:   ret

; Moves the head of drive BX to fd_cylinder. CF and AH on an error.
fd_seek:
        mov cl, bl
        mov al, 1
        shl al, cl
        test [BDA_FD_SEEK], al
        jnz .seek
        push ax
        call fd_reset
        pop cx
        test ah, ah
        stc
        jnz .out
        or [BDA_FD_SEEK], cl
        and byte [BDA_FD_SEEK], 0x7f
        mov al, 0x07            ; RECALIBRATE
        call fd_send
        mov al, bl
        call fd_send
        call .sense
        jc .out
.seek:  mov al, [cs:fd_cylinder]
        mov [bx + BDA_FD_TRACK], al
        and byte [BDA_FD_SEEK], 0x7f
        mov al, 0x0f
        call fd_send
        call fd_select
        mov al, [cs:fd_cylinder]
        call fd_send
.sense: call fd_wait
        jc .out
        mov al, 0x08
        call fd_send
        call fd_results
        mov ah, DISK_SEEK
        mov al, [BDA_FD_RESULT]
        and al, 0xf0
        cmp al, 0x20
        stc
        jne .out
        clc
.out:   ret

; The first two bytes of a command that ends in an interrupt.
fd_begin:
        and byte [BDA_FD_SEEK], 0x7f
        mov al, [cs:fd_command]
        call fd_send
fd_select:
        mov al, [cs:fd_head]
        shl al, 2
        or al, [cs:fd_drive]
; AL to the controller; one that does not want it will not answer in the end, either.
fd_send:
        push cx
        push dx
        push ax
        mov dx, 0x3f4
        xor cx, cx
.wait:  in al, dx
        and al, 0xc0
        cmp al, 0x80
        loopne .wait
        pop ax
        inc dx
        out dx, al
        pop dx
        pop cx
        ret

; Byte AL of the table that INT 1Eh points to.
fd_parameter_send:
        call fd_parameter
        jmp short fd_send
fd_parameter:
        push es
        push di
        push bx
        mov bl, al
        mov bh, 0
        xor di, di
        mov es, di
        les di, [es:0x1e * 4]
        mov al, [es:di + bx]
        pop bx
        pop di
        pop es
        ret

; Waits for the interrupt and judges the result. CF and AH on an error.
fd_end:
        call fd_wait
        jc .out
        call fd_results
        xor ah, ah
        test byte [BDA_FD_RESULT], 0xc0
        jz .out                 ; CF is clear
        mov al, [BDA_FD_RESULT + 1]
        mov si, .causes
.next:  mov ah, [cs:si + 1]
        test al, [cs:si]
        jnz .bad
        add si, 2
        cmp si, .end
        jb .next
        mov ah, DISK_ERROR
.bad:   stc
.out:   ret
.causes:
        db 0x02, DISK_PROTECTED, 0x10, DISK_OVERRUN, 0x20, DISK_CRC, 0x04, DISK_NOT_FOUND
        db 0x80, DISK_NOT_FOUND, 0x01, DISK_MARK
.end:

; Waits for the interrupt; CF and AH if it does not come.
fd_wait:
        push cx
        sti
        mov cx, FD_PATIENCE << 8
.look:  cli
        test byte [BDA_FD_SEEK], 0x80
        jnz .came
        sti
        hlt
        cmp cl, [BDA_TICKS]
        je .look
        mov cl, [BDA_TICKS]
        dec ch
        jnz .look
        and byte [BDA_FD_SEEK], 0x7c    ; it will need a reset
        mov ah, DISK_TIMEOUT
        stc
        jmp short .out
.came:  sti
        clc
.out:   pop cx
        ret

; The bytes of the result go to the BIOS data area.
fd_results:
        push cx
        mov si, BDA_FD_RESULT
.byte:  mov dx, 0x3f4
        xor cx, cx
.wait:  in al, dx
        test al, 0x80
        loopz .wait
        test al, 0x40
        jz .done
        inc dx
        in al, dx
        mov [si], al
        inc si
        cmp si, BDA_FD_RESULT + 7
        jb .byte
.done:  pop cx
        ret
